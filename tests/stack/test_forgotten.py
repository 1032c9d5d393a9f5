"""Nothing is left of who was erased: every topic, key and file is searched by somebody who knows nothing of Freshet."""

import json
import secrets
import time
from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import orjson
import pytest
from disguises import DISGUISES
from harness import commands
from harness.cluster import PARTITIONS, Cluster, own_namespace
from harness.endpoint import endpoint_of
from harness.polling import eventually
from remains import Remains, scan_files, scan_redis, scan_topics

from ops.local_stack.stack import LocalStack
from streams.contract.user_records import user_partition
from streams.kafka.producer import OutgoingRecord

pytestmark = pytest.mark.stack

REDIS_DB = 11


@pytest.fixture
async def cluster(stack: LocalStack, tmp_path: Path) -> AsyncIterator[Cluster]:
    async with own_namespace(stack, REDIS_DB, tmp_path) as made:
        yield made


async def freshet(cluster: Cluster, *arguments: str) -> tuple[int, dict[str, Any]]:
    done = await commands.freshet(*arguments, "--json", environment=cluster.place.environment(cluster.version))
    assert done.stdout, done.stderr
    return done.returncode, json.loads(done.stdout.splitlines()[-1])


def event(user: str, item: str, **more: Any) -> bytes:
    now_ms = time.time_ns() // 1_000_000
    return orjson.dumps({"event_type": "view", "user_id": user, "item_id": item, "timestamp": now_ms, **more})


def refused(cluster: Cluster, user: str) -> list[OutgoingRecord]:
    """Records that nobody can use, in every disguise, under no key, another one, and in partitions of others."""
    topic, own = cluster.topics.interactions, user_partition(user, PARTITIONS)
    made = [OutgoingRecord(topic, None, disguise(user), (own + 1) % PARTITIONS) for disguise in DISGUISES.values()]
    made += [OutgoingRecord(topic, user.encode("utf-16-le"), b"{}", 0), OutgoingRecord(topic, user.encode(), b"{", own)]
    made += [OutgoingRecord(topic, None, b"x" * 30_000 + user.encode() + b"x" * 40_000 + user.encode()[:5], 0)]
    made += [OutgoingRecord(topic, None, event(user, "i1")[: 40 + cut], 0) for cut in range(12)]
    return made


async def scan(cluster: Cluster, user: str) -> Remains:
    """Everything but the log and the topic of erasures, which keep the id and say so (docs/operations.md)."""
    remains, topics = Remains(user), cluster.topics
    compacted = {spec.name for spec in topics.specs(1, 1) if "compact" in spec.config["cleanup.policy"]}
    found = await scan_topics(cluster.place.bootstrap, f"{cluster.place.namespace}.", compacted, remains)
    assert found >= {spec.name for spec in topics.specs(1, 1)}
    scan_redis(cluster.redis, remains)
    scan_files(cluster.place.folder / "storage", remains)
    remains.found = {
        (place, name): count
        for (place, name), count in remains.found.items()
        if place not in (topics.interactions, topics.erasure)
    }
    return remains


async def test_an_erased_user_is_in_no_topic_key_or_file(cluster: Cluster) -> None:
    user, neighbour = f"zoë-{secrets.token_hex(6)}&co", f"n-{secrets.token_hex(6)}"
    topics = cluster.topics
    worker = cluster.start_worker("worker")
    profile = orjson.dumps({"user_id": user, "country": "DE"})
    await cluster.publish([OutgoingRecord(topics.profiles, user.encode(), profile)])
    for who in (user, neighbour):
        sent = [event(who, f"i{n}", event_type=kind) for n in range(4) for kind in ("view", "like", "watch_progress")]
        await cluster.publish([OutgoingRecord(topics.interactions, who.encode(), value) for value in sent])
    await cluster.publish(refused(cluster, user))
    await cluster.publish([OutgoingRecord(topics.interactions, neighbour.encode(), b'{"user_id": "', None)])
    await cluster.wait_until_caught_up()
    async with endpoint_of(cluster) as endpoint:
        for path in ("recommendations", "recommendations?context=post_play"):
            joint = "&" if "?" in path else "?"
            answer = await endpoint.get(f"/api/v1/{path}{joint}user_id={user.replace('&', '%26')}")
            assert answer.status_code == 200
        await eventually("what was served is published", lambda: served(cluster, user))
    assert (await freshet(cluster, "archive"))[0] == 0
    assert (await freshet(cluster, "snapshot", "create", "--name", "s1"))[0] == 0

    before = await scan(cluster, user)
    for place in (topics.user_changelog, topics.dead_letters, topics.served, topics.profiles, "redis", "archive"):
        assert place in before.places, (place, before.places)
    assert "snapshots" in before.places
    dead_letters = len(await cluster.dead_letters())

    code, erased = await freshet(cluster, "erase", user, "--wait-s", "600")
    assert (code, erased["total"], erased["versions"]) == (0, 0, {"v1": "forgotten"})
    after = await scan(cluster, user)
    assert after.found == {}
    assert after.bytes > 100_000
    assert (await freshet(cluster, "erase", user, "--verify"))[1]["total"] == 0
    # What is blanked still counts, and what is others' is left.
    assert (await cluster.account()).unaccounted == 0
    kept = {dead_letter.coordinates: dead_letter for dead_letter in await cluster.dead_letters()}
    assert len(kept) == dead_letters
    assert any(dead_letter.key == neighbour.encode() and dead_letter.value for dead_letter in kept.values())
    assert cluster.list_bytes(neighbour) is not None

    worker.kill()  # and whatever begins from here on knows nothing of the user either
    cluster.start_worker("next-owner")
    async with Cluster(cluster.place, "v2") as replay:
        replay.start_worker("replay")
        await replay.wait_until_caught_up()
        await cluster.wait_until_caught_up()
    assert (await scan(cluster, user)).found == {}


async def served(cluster: Cluster, user: str) -> bool:
    remains = Remains(user)
    compacted = {cluster.topics.served}
    await scan_topics(cluster.place.bootstrap, cluster.topics.served, compacted, remains)
    return bool(remains.found)
