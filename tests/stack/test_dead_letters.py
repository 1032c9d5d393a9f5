"""Records that cannot be used are kept with their reason while everything else flows."""

import secrets
import time
from zlib import crc32

import orjson
import pytest
from harness.cluster import PARTITIONS, Cluster
from harness.polling import eventually

from streams.contract.dead_letters import DeadLetter
from streams.contract.partitioning import partition_of
from streams.contract.reasons import Reason
from streams.kafka.producer import Acknowledgement, OutgoingRecord

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]


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
    found = {
        dead_letter.coordinates: dead_letter
        for dead_letter in await cluster.dead_letters()
        if dead_letter.coordinates in wanted
    }
    return list(found.values())


async def test_malformed_becomes_a_dead_letter_while_everything_else_flows(reference: Cluster) -> None:
    user = f"user-{secrets.token_hex(4)}"
    malformed = f'{{"user_id": "{user}", '.encode()
    thrown = await reference.publish_one(OutgoingRecord(reference.topics.interactions, user.encode(), malformed))
    good = await reference.publish_one(view(reference, user))

    async def list_reflects_what_came_after() -> bool:
        prefix = reference.list_prefix(user)
        return prefix is not None and prefix.offset == good.offset

    await eventually("the good event is in the list", list_reflects_what_came_after)
    await reference.wait_until_caught_up()
    (dead_letter,) = await letters_at(reference, [thrown])
    assert (dead_letter.reason, dead_letter.value, dead_letter.key) == (Reason.NOT_JSON, malformed, user.encode())
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

    dead_letters = await letters_at(reference, places)
    assert {dead_letter.coordinates[1:] for dead_letter in dead_letters} == {
        (place.partition, place.offset) for place in strays
    }
    assert {dead_letter.reason for dead_letter in dead_letters} == {Reason.WRONG_PARTITION}
    assert strays, "with 40 users some must be in another partition"
    assert (await reference.account()).unaccounted == 0
