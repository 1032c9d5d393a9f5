"""Two regions, each with a Kafka, a Valkey and a worker of its own over a copy of the log. One is lost with all that
was not mirrored yet, and producers go on with the other: they send again what the mirror may not have copied."""

import asyncio
from collections.abc import Iterable
from pathlib import Path
from typing import Any

import httpx
import orjson
import pytest
from harness.cluster import Cluster, StackConfig
from harness.endpoint import endpoint_of
from harness.mirror import Mirror
from harness.polling import eventually
from harness.traffic import catalogue, event_record

from ops.local_stack.stack import LocalStack
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics_admin import delete_namespace

pytestmark = pytest.mark.stack

NAMESPACE = "regions"
USERS, EVENTS, SENT_AGAIN = 40, 600, 200


def events(topic: str, first: int, count: int) -> list[OutgoingRecord]:
    """Events with ids of their own, by number."""
    return [
        event_record(topic, f"u{number % USERS}", f"i{number * 7 % 90}", event_id=f"e{number}", event_type="like")
        for number in range(first, first + count)
    ]


def folded_of(records: Iterable[OutgoingRecord]) -> int:
    """How many different events there are."""
    return len({orjson.loads(record.value or b"")["event_id"] for record in records})


async def test_producers_go_on_in_the_region_that_is_left(
    own_stack: LocalStack, stack: LocalStack, tmp_path: Path
) -> None:
    own_stack.start()
    lost_place = StackConfig(own_stack.bootstrap, own_stack.redis_url, NAMESPACE, tmp_path / "lost")
    left_place = StackConfig(stack.bootstrap, stack.redis_url, NAMESPACE, tmp_path / "left")
    for place in (lost_place, left_place):
        place.folder.mkdir()
    try:
        async with Cluster(left_place, "v1") as left:
            await survive(own_stack, lost_place, left)
    finally:
        delete_namespace(stack.bootstrap, NAMESPACE)


async def survive(servers: LocalStack, lost_place: StackConfig, left: Cluster) -> None:
    topics = left.topics
    mirrored = [topics.interactions, topics.catalog, topics.profiles]
    before, unmirrored = events(topics.interactions, 0, EVENTS), events(topics.interactions, EVENTS, SENT_AGAIN // 2)
    after = events(topics.interactions, EVENTS + SENT_AGAIN // 2, EVENTS)
    left.start_worker("left")
    async with Cluster(lost_place, "v1") as lost:
        lost.start_worker("lost")
        child = OutgoingRecord(topics.profiles, b"u0", b'{"user_id": "u0", "kids": true}')
        await lost.publish([*catalogue(topics.catalog), child])
        async with Mirror(lost_place.bootstrap, left.place.bootstrap, mirrored) as first:
            await lost.publish(before[: EVENTS // 2])
            await eventually("half is mirrored", first.has_copied)
        # As one that was killed before it noted its last positions: what is read again is copied again.
        noted = {place: max(0, position - 5) for place, position in first.positions.items()}
        async with Mirror(lost_place.bootstrap, left.place.bootstrap, mirrored, noted) as second:
            await lost.publish(before[EVENTS // 2 :])
            await eventually("all is mirrored", second.has_copied)
        await lost.publish(unmirrored)
        await lost.wait_until_caught_up()
        account = await lost.account()
        assert (account.folded, account.duplicates, account.unaccounted) == (folded_of([*before, *unmirrored]), 0, 0)
        lost.workers.end()
    await asyncio.to_thread(servers.stop_kafka, kill=True)
    await asyncio.to_thread(servers.stop_redis, kill=True)

    again = [*before[-SENT_AGAIN // 2 :], *unmirrored]
    await left.publish(again)
    await left.publish(after)
    await left.wait_until_caught_up()
    account = await left.account()
    sent = [*before, *unmirrored, *after]
    assert account.unaccounted == 0, account
    assert account.folded == folded_of(sent) == len(sent)
    assert account.published == account.folded + account.duplicates
    assert account.duplicates >= SENT_AGAIN // 2
    async with endpoint_of(left) as client:

        async def personal() -> bool:
            return all([(await read(client, f"u{number}"))["source"] == "personal" for number in range(USERS)])

        await eventually("a list of their own for everybody", personal)
        shown = [item["item_id"] for item in (await read(client, "u0"))["recommendations"]]
    assert shown
    assert not any(int(item[1:]) % 5 == 0 for item in shown), "a child sees what is for adults"


async def read(client: httpx.AsyncClient, user: str) -> dict[str, Any]:
    """What the user is shown."""
    answer = await client.get("/api/v1/recommendations", params={"user_id": user, "limit": "20"})
    body: dict[str, Any] = answer.raise_for_status().json()
    return body
