"""A Valkey that is really full and evicts whatever was used longest ago: every reader has the right list again."""

import os
import secrets
import time
from collections.abc import AsyncIterator, Iterator
from pathlib import Path

import httpx
import orjson
import pytest
from harness.cluster import Cluster, StackConfig
from harness.endpoint import endpoint_of
from harness.polling import eventually
from harness.traffic import event_record

from ops.local_stack.stack import LocalStack
from serving.item_card import NOBODYS
from serving.list_format import read_prefix
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import delete_namespace

pytestmark = pytest.mark.stack

ITEMS, USERS, EVENTS_A_USER = 60, 60, 10
WITHDRAWN = "i7"
#: How much is left for others, and what others write.
ROOM_BYTES = 1 << 20
FILLER_BYTES, FILLERS_A_TIME = 32_768, 40
FILLER_DATABASE = 1


@pytest.fixture
def place(stack: LocalStack, tmp_path: Path) -> Iterator[StackConfig]:
    """A log of its own, and a Valkey of its own, which is to be filled."""
    small = LocalStack.on_free_ports(tmp_path / "small")
    small.start_redis()
    namespace = f"test-{secrets.token_hex(4)}"
    try:
        yield StackConfig(stack.bootstrap, small.redis_url, namespace, tmp_path)
    finally:
        small.stop_redis()
        delete_namespace(stack.bootstrap, namespace)


@pytest.fixture
async def loaded(place: StackConfig) -> AsyncIterator[Cluster]:
    """Everybody has a list, and one item was withdrawn."""
    async with Cluster(place, "v1") as cluster:
        topics = cluster.topics
        entries = [
            {"item_id": f"i{item}", "title": f"Title {item}", "genres": [f"g{item % 4}"]} for item in range(ITEMS)
        ]
        await cluster.publish(
            [OutgoingRecord(topics.catalog, str(entry["item_id"]).encode(), orjson.dumps(entry)) for entry in entries]
        )
        await cluster.publish(
            event_record(topics.interactions, f"u{user}", f"i{(user * 7 + event) % ITEMS}", event_type="like")
            for event in range(EVENTS_A_USER)
            for user in range(USERS)
        )
        cluster.start_worker("worker")
        await cluster.wait_until_caught_up()
        await cluster.publish_one(OutgoingRecord(topics.catalog, WITHDRAWN.encode(), None))

        await eventually("the item is blocked", lambda: is_blocked(cluster))
        await eventually("everybody has a list", lambda: has_all(cluster))
        yield cluster


def lists_of(cluster: Cluster) -> list[str]:
    return [cluster.keys.user_list(f"u{user}") for user in range(USERS)]


async def is_blocked(cluster: Cluster) -> bool:
    card = cluster.card(WITHDRAWN)
    return card is not None and card.facts == NOBODYS


async def has_all(cluster: Cluster) -> bool:
    return cluster.redis.exists(*lists_of(cluster)) == USERS


def fill(cluster: Cluster) -> int:
    """Others write until half of the lists are gone; how many keys were evicted."""
    client, lists = cluster.redis, lists_of(cluster)
    used_bytes = int(client.info("memory")["used_memory"])
    client.config_set("maxmemory-policy", "allkeys-lru")
    client.config_set("maxmemory", used_bytes + ROOM_BYTES)
    with type(client).from_url(f"{cluster.place.redis_url.rpartition('/')[0]}/{FILLER_DATABASE}") as other:
        while client.exists(*lists) > USERS // 2:
            for _ in range(FILLERS_A_TIME):
                other.set(secrets.token_hex(8), os.urandom(FILLER_BYTES))
    return int(client.info("stats")["evicted_keys"])


async def test_every_reader_has_the_right_list_again(loaded: Cluster) -> None:
    offsets = [read_prefix(loaded.redis.get(key)).offset for key in lists_of(loaded)]  # by user
    async with endpoint_of(loaded) as client:
        evicted = fill(loaded)
        begun_s = time.monotonic()
        assert evicted >= USERS // 2

        async def all_are_right() -> bool:
            return all([await is_right(client, user, offset) for user, offset in enumerate(offsets)])

        await eventually("every reader has the list of their last event", all_are_right)
        print(f"{evicted} keys evicted; all {USERS} readers right after {time.monotonic() - begun_s:.1f} s")
        await eventually("everybody has a list", lambda: has_all(loaded))
        await eventually("what was evicted of withdrawn items is back", lambda: is_blocked(loaded))


async def is_right(client: httpx.AsyncClient, user: int, offset: int) -> bool:
    """Whatever the answer is made of, it holds nothing withdrawn."""
    answer = await client.get("/api/v1/recommendations", params={"user_id": f"u{user}", "limit": 100})
    body = answer.raise_for_status().json()
    assert WITHDRAWN not in [item["item_id"] for item in body["recommendations"]]
    return bool(body["source"] == "personal" and body["as_of"]["offset"] >= offset)
