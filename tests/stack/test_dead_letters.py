"""Records that cannot be used are kept with their reason while everything else flows."""

import secrets
import time
from zlib import crc32

import orjson
import pytest
from harness.cluster import PARTITIONS, Cluster
from harness.polling import eventually

from streams.dead_letters import DeadLetter
from streams.partitioning import partition_of
from streams.producer import Acknowledgement, OutgoingRecord
from streams.reasons import Reason

pytestmark = pytest.mark.stack


def view(cluster: Cluster, user: str, partition: int | None = None) -> OutgoingRecord:
    event = {
        "event_type": "view",
        "user_id": user,
        "item_id": "i1",
        "timestamp": time.time_ns() // 1_000_000,
    }
    return OutgoingRecord(cluster.topics.interactions, user.encode(), orjson.dumps(event), partition)


async def letters_at(cluster: Cluster, places: list[Acknowledgement]) -> list[DeadLetter]:
    """One dead letter for each of the places that has one."""
    wanted = {(place.topic, place.partition, place.offset) for place in places}
    found = {letter.coordinates: letter for letter in await cluster.dead_letters() if letter.coordinates in wanted}
    return list(found.values())


async def test_garbage_becomes_a_dead_letter_while_everything_else_flows(reference: Cluster) -> None:
    user = f"user-{secrets.token_hex(4)}"
    garbage = f'{{"user_id": "{user}", '.encode()
    thrown = await reference.publish_one(OutgoingRecord(reference.topics.interactions, user.encode(), garbage))
    good = await reference.publish_one(view(reference, user))

    async def list_reflects_what_came_after() -> bool:
        prefix = reference.list_prefix(user)
        return prefix is not None and prefix.offset == good.offset

    await eventually("the good event is in the list", list_reflects_what_came_after)
    await reference.wait_until_caught_up()
    (letter,) = await letters_at(reference, [thrown])
    assert (letter.reason, letter.value, letter.key) == (Reason.NOT_JSON, garbage, user.encode())
    assert (await reference.account()).unaccounted == 0


async def test_a_producer_with_another_partitioner_is_noticed(reference: Cluster) -> None:
    users = [f"stray-{secrets.token_hex(4)}" for _ in range(40)]
    records = [view(reference, user, crc32(user.encode()) % PARTITIONS) for user in users]
    places = [await reference.publish_one(record) for record in records]
    strays = [
        place
        for user, place in zip(users, places, strict=True)
        if partition_of(user.encode(), PARTITIONS) != place.partition
    ]

    await reference.wait_until_caught_up()

    letters = await letters_at(reference, places)
    assert {letter.coordinates[1:] for letter in letters} == {(place.partition, place.offset) for place in strays}
    assert {letter.reason for letter in letters} == {Reason.WRONG_PARTITION}
    assert strays, "with 40 users some must be in another partition"
    assert (await reference.account()).unaccounted == 0
