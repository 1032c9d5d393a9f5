"""docker-compose.yml: for those who have Docker, the same servers at the same addresses."""

import re
import shutil
from pathlib import Path
from typing import Any

import pytest
import yaml
from harness import patience

from ops.configuration.settings import Settings, variable
from ops.local_stack.cassandra_server import CASSANDRA_VERSION
from ops.local_stack.kafka_jars import KAFKA_VERSION

FILE = Path(__file__).parents[2] / "docker-compose.yml"


@pytest.fixture(scope="module")
def compose() -> dict[str, Any]:
    parsed = yaml.safe_load(FILE.read_text())
    assert isinstance(parsed, dict)
    return parsed


def compose_commands() -> list[list[str]]:
    """Those of `docker compose` and `docker-compose` that work here."""
    candidates = [["docker", "compose"], ["docker-compose"]]
    return [
        command
        for command in candidates
        if shutil.which(command[0]) and patience.run([*command, "version"], text=False, limit_s=30).returncode == 0
    ]


def test_there_is_a_kafka_and_a_redis_and_no_name_that_older_versions_reject(compose: dict[str, Any]) -> None:
    assert {name for name in compose if not name.startswith("x-")} == {"services", "volumes"}
    always = {name for name, service in compose["services"].items() if "profiles" not in service}
    assert always == {"kafka", "redis", "topics", "worker", "endpoint", "collect"}


def test_profiles_add_to_that_and_full_is_all(compose: dict[str, Any]) -> None:
    by_profile: dict[str, set[str]] = {}
    for name, service in compose["services"].items():
        for profile in service.get("profiles", ()):
            by_profile.setdefault(profile, set()).add(name)
    assert by_profile["sinks"] == {"clickhouse", "cassandra", "sink-clickhouse", "sink-cassandra"}
    assert by_profile["monitoring"] == {"prometheus", "grafana"}
    assert by_profile["full"] == set().union(*by_profile.values())
    assert "simulate" in by_profile["full"]


def test_our_own_processes_are_nobodys_and_know_where_the_servers_are(compose: dict[str, Any]) -> None:
    own = {name: service for name, service in compose["services"].items() if "build" in service}
    assert set(own) >= {"topics", "worker", "endpoint", "collect", "simulate", "sink-clickhouse", "sink-cassandra"}
    known = {variable(name) for name in Settings.model_fields}
    for name, service in own.items():
        assert service["read_only"] is True
        assert service["cap_drop"] == ["ALL"]
        assert set(service["environment"]) <= known, name
        hosts = re.findall(r"//([a-z]+):", " ".join(service["environment"].values()))
        assert {*hosts, service["environment"]["FRESHET_KAFKA_BOOTSTRAP"].split(":")[0]} <= set(compose["services"])
        assert all(port.startswith("127.0.0.1:") for port in service.get("ports", ()))


def test_clickhouse_is_in_the_profile_of_sinks(compose: dict[str, Any]) -> None:
    clickhouse = compose["services"]["clickhouse"]
    assert clickhouse["profiles"] == ["sinks", "full"]
    assert (
        f"clickhouse://{clickhouse['ports'][0].rpartition(':')[0]}" == Settings.model_fields["clickhouse_url"].default
    )


def test_cassandra_is_in_the_profile_of_sinks_and_the_version_that_runs_without_docker(
    compose: dict[str, Any],
) -> None:
    cassandra = compose["services"]["cassandra"]
    assert cassandra["profiles"] == ["sinks", "full"]
    assert cassandra["image"] == f"cassandra:{CASSANDRA_VERSION}"
    assert f"cassandra://{cassandra['ports'][0].rpartition(':')[0]}" == Settings.model_fields["cassandra_url"].default


@pytest.mark.parametrize("service", ["kafka", "redis", "cassandra", "clickhouse", "prometheus", "grafana"])
def test_a_service_is_pinned_checked_and_reachable_from_this_machine_only(
    compose: dict[str, Any], service: str
) -> None:
    definition = compose["services"][service]

    assert ":" in definition["image"]
    assert not definition["image"].endswith(":latest")
    assert {"test", "interval", "timeout", "retries"} <= set(definition["healthcheck"])
    assert all(port.startswith("127.0.0.1:") for port in definition["ports"])


def test_what_is_mounted_is_there_and_prometheus_scrapes_services_that_exist(compose: dict[str, Any]) -> None:
    for service in compose["services"].values():
        for mounted in service.get("volumes", ()):
            if mounted.startswith("./"):
                assert (FILE.parent / mounted.partition(":")[0]).exists(), mounted
    scraped = yaml.safe_load((FILE.parent / "deploy" / "compose" / "prometheus.yml").read_text())["scrape_configs"]
    alone = yaml.safe_load((FILE.parent / "deploy" / "monitoring" / "prometheus.yml").read_text())["scrape_configs"]
    assert [job["job_name"] for job in scraped] == [job["job_name"] for job in alone]
    found = {(name, job["port"]) for entry in scraped for job in entry["dns_sd_configs"] for name in job["names"]}
    for name, port in found:
        service = compose["services"][name]
        own = {"endpoint": "8080", "collect": "8081"}
        opened = own.get(name) or service["environment"]["FRESHET_METRICS_PORT"]
        assert str(port) == opened


def test_servers_are_where_the_settings_look_for_them(compose: dict[str, Any]) -> None:
    defaults = {name: field.default for name, field in Settings.model_fields.items()}
    kafka, redis = compose["services"]["kafka"], compose["services"]["redis"]

    assert kafka["ports"][0].rpartition(":")[0] == defaults["kafka_bootstrap"]
    assert f"redis://{redis['ports'][0].rpartition(':')[0]}/0" == defaults["redis_url"]
    assert f"OUTSIDE://{defaults['kafka_bootstrap']}" in kafka["environment"]["KAFKA_ADVERTISED_LISTENERS"]


def test_kafka_is_the_version_that_runs_without_docker(compose: dict[str, Any]) -> None:
    assert compose["services"]["kafka"]["image"] == f"apache/kafka:{KAFKA_VERSION}"


def test_kafka_settings_are_texts_as_the_environment_needs(compose: dict[str, Any]) -> None:
    assert all(isinstance(value, str) for value in compose["services"]["kafka"]["environment"].values())


@pytest.mark.skipif(not compose_commands(), reason="no docker compose on this machine")
@pytest.mark.parametrize("command", compose_commands())
def test_compose_itself_accepts_the_file(command: list[str]) -> None:
    done = patience.run([*command, "--file", str(FILE), "config", "--quiet"], limit_s=60)
    assert done.returncode == 0, done.stderr
