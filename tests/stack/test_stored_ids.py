"""With a secret, nothing that is derived from events holds a user's id: every place is looked into for its bytes."""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from dataclasses import dataclass, replace
from pathlib import Path

import httpx
import orjson
import pytest
import redis
from aiokafka.structs import ConsumerRecord
from harness import commands
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.polling import eventually
from harness.processes import FRESHET, WorkerProcess
from harness.traffic import catalogue

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.contract.identities import Identities
from streams.contract.user_records import user_partition
from streams.kafka.bulk_read import bulk_consumer, read_topics
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import delete_namespace

pytestmark = pytest.mark.stack

SECRET = "0123456789abcdef0123456789abcdef"
DATABASE = 11
USERS = [f"known-by-name-{number}" for number in range(6)]
NAME = b"known-by-name"


@dataclass(frozen=True)
class SecretPlace(StackConfig):
    """A log whose workers, endpoint and commands have a secret."""

    secret: str = SECRET

    def environment(self, version: str) -> dict[str, str]:
        return super().environment(version) | {"FRESHET_USER_ID_SECRET": self.secret, "FRESHET_LOG_FORMAT": "json"}


@pytest.fixture
async def cluster(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Cluster]:
    namespace = f"test-{secrets.token_hex(4)}"
    redis_url = stack.redis_url.rpartition("/")[0] + f"/{DATABASE}"
    async with Cluster(SecretPlace(stack.bootstrap, redis_url, namespace, tmp_path), "v1") as made:
        yield made
    await asyncio.to_thread(delete_namespace, stack.bootstrap, namespace)
    with redis.Redis.from_url(redis_url) as client:
        client.flushdb()


async def freshet(cluster: Cluster, *arguments: str) -> tuple[int, dict[str, object]]:
    place = cluster.place
    done = await commands.freshet(*arguments, "--json", environment=place.environment("v1"), folder=place.folder)
    assert done.stdout, done.stderr
    return done.returncode, orjson.loads(done.stdout.splitlines()[-1])


def events(cluster: Cluster, at_ms: int) -> Iterator[OutgoingRecord]:
    for number in range(90):
        user = USERS[number % len(USERS)]
        event = {"event_type": "view", "user_id": user, "item_id": f"i{number % 7}", "timestamp": at_ms + number}
        yield OutgoingRecord(cluster.topics.interactions, user.encode(), orjson.dumps(event))
    for user in USERS:
        value = orjson.dumps({"user_id": user, "country": "NL", "favorite_genres": ["drama"]})
        yield OutgoingRecord(cluster.topics.profiles, user.encode(), value)
    yield OutgoingRecord(cluster.topics.interactions, USERS[0].encode(), b"{", 0)
    for said in ({"kids": "true"}, {"maturity_max": USERS[1]}, {"user_id": USERS[2], "country": 7}):
        yield OutgoingRecord(cluster.topics.profiles, USERS[1].encode(), orjson.dumps(said))


async def topics_that_name(cluster: Cluster, name: bytes) -> set[str]:
    """Topics of the namespace in which a key, value or header of any record holds the name."""
    async with bulk_consumer(cluster.place.bootstrap) as consumer:
        names = [topic for topic in await consumer.topics() if topic.startswith(f"{cluster.place.namespace}.")]
    found: set[str] = set()

    def look(record: ConsumerRecord) -> None:
        held = [record.key, record.value, *(value for _, value in record.headers)]
        if any(name in part for part in held if part):
            found.add(record.topic.removeprefix(f"{cluster.place.namespace}."))

    await read_topics(cluster.place.bootstrap, names, look)
    return found


def redis_holds(cluster: Cluster, name: bytes) -> list[bytes]:
    """Keys that hold the name, in themselves or in their value of whatever type."""
    client = cluster.redis
    found = []
    for key in client.scan_iter(count=1000):
        kind = client.type(key)
        held = {
            b"string": lambda key: client.get(key),
            b"zset": lambda key: b" ".join(client.zrange(key, 0, -1)),
            b"set": lambda key: b" ".join(client.smembers(key)),
            b"hash": lambda key: b" ".join(part for pair in client.hgetall(key).items() for part in pair),
        }[kind](key)
        if name in key + (held or b""):
            found.append(key)
    return found


async def test_only_what_producers_wrote_knows_a_users_id(cluster: Cluster) -> None:
    worker = cluster.start_worker("worker")
    port = free_port()
    environment = cluster.place.environment("v1") | {
        "FRESHET_ENDPOINT_PORT": str(port),
        "FRESHET_ENDPOINT_ACCESS_LOG_SHARE": "1",
    }
    endpoint = cluster.workers.add(
        WorkerProcess("endpoint", [str(FRESHET), "serve"], environment, cluster.place.folder)
    )
    await cluster.publish(catalogue(cluster.topics.catalog))
    await cluster.publish(events(cluster, time.time_ns() // 1_000_000))
    await cluster.wait_until_caught_up()
    user = USERS[0]

    async with httpx.AsyncClient(base_url=f"http://127.0.0.1:{port}") as client:

        async def own() -> bool:
            try:
                answer = await client.get("/api/v1/recommendations", params={"user_id": user})
            except httpx.TransportError:
                return False
            assert answer.json()["user_id"] == user
            return answer.json()["as_of"] is not None

        await eventually("a list of their own", own)
        metrics = (await client.get("/metrics")).content

    async def served() -> bool:
        stored = Identities(SECRET.encode()).of(user).encode()
        return {"recommendation.served", "recommendation.requests"} <= await topics_that_name(cluster, stored)

    await eventually("what was served is published", served)
    stored = Identities(SECRET.encode()).of(user).encode()
    assert {"user.rows.v1", "recommendation.served"} <= await topics_that_name(cluster, stored)
    assert len(redis_holds(cluster, stored)) >= 3
    assert redis_holds(cluster, NAME) == []
    assert await topics_that_name(cluster, NAME) == {"user.interactions", "users.profiles", "user.interactions.dlq"}
    assert NAME not in metrics
    for process in (worker, endpoint):
        assert NAME.decode() not in process.log_text
        assert SECRET not in process.log_text
        lines = [orjson.loads(line) for line in process.log_text.splitlines()]
        said = [line for line in lines if "logger" in line]  # the others are of the access log
        assert {line["process"] for line in said} <= {process.name.removeprefix("v1-")}
    told = [orjson.loads(line) for line in worker.log_text.splitlines()]
    assert {"worker_ready", "record_refused"} <= {line.get("event") for line in told}

    code, found = await freshet(cluster, "inspect", "user", user)
    assert (code, found["user_id"], found["stored_id"]) == (0, user, stored.decode())
    assert found["list"]
    assert found["partition"] == user_partition(user, PARTITIONS)
    code, erased = await freshet(cluster, "erase", user, "--wait-s", "600")
    assert (code, erased["total"], erased["versions"]) == (0, 0, {"v1": "forgotten"}), erased
    assert redis_holds(cluster, stored) == []
    assert (await cluster.account()).unaccounted == 0

    assert isinstance(cluster.place, SecretPlace)
    refused = cluster.workers.add(replace(cluster.place, secret="x" * 32).worker("refused", "v1"))
    assert await asyncio.to_thread(refused.wait) == 2
    assert "user_id_key is " in refused.log_text
