"""One primary of a cluster is away: the endpoint notes, tells and reads what is on the others."""

from __future__ import annotations

import asyncio
from typing import Any

import pytest
from listed import CardWriter as ListWriter
from listed import change_cards

from serving.endpoint.config import EndpointConfig
from serving.endpoint.marks import UserMarks
from serving.endpoint.missed_lists import MissedLists
from serving.endpoint.read_notes import ReadNotes
from serving.endpoint.versions import LiveVersions
from serving.item_card import ItemCard
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink
from serving.seen_filter import item_hash
from streams.contract.partitioning import partition_of

PARTITIONS = 4
USERS = [f"u{number}" for number in range(40)]


class PartlyLink(RedisLink):
    """Whoever holds `away` is away."""

    away: frozenset[bytes] = frozenset()

    def send(self, frame: bytes, key: bytes = b"") -> asyncio.Future[Any]:
        if key in self.away:
            raise RedisUnavailable("nobody serves the slot")
        return super().send(frame, key)

    def get(self, key: bytes) -> asyncio.Future[bytes | None]:
        if key in self.away:
            raise RedisUnavailable("nobody serves the slot")
        return super().get(key)


async def started(config: EndpointConfig, *away: str) -> PartlyLink:
    link = PartlyLink(RedisAddress.from_url(config.redis_url), deadline_s=2)
    await link.start()
    link.away = frozenset(key.encode() for key in away)
    return link


def there(*away: int) -> set[str]:
    return {user_id for user_id in USERS if partition_of(user_id.encode(), PARTITIONS) not in away}


async def noted(writer: ListWriter) -> set[str]:
    pages = [await writer.reader_marks(partition).noted_since(0, 1_000) for partition in range(PARTITIONS)]
    return {user_id for page in pages for user_id, _ in page}


async def missed(writer: ListWriter) -> set[str]:
    taken = [await writer.reader_marks(partition).take_missed(1_000) for partition in range(PARTITIONS)]
    return {user_id for users in taken for user_id in users}


async def test_readers_of_the_other_partitions_are_noted_once(writer: ListWriter, config: EndpointConfig) -> None:
    link = await started(config, writer.keys.readers(0), writer.keys.readers(2))
    notes = ReadNotes(link, writer.keys, UserMarks(PARTITIONS))
    await notes.write(1_000)
    for user_id in USERS:
        notes.add(user_id)
    await notes.write(1_001)
    assert await noted(writer) == there(0, 2)
    link.away = frozenset()
    for user_id in USERS:
        notes.add(user_id)
    assert set(notes._waiting) == set(USERS) - there(0, 2), "nobody is noted twice"
    await notes.write(1_002)
    assert await noted(writer) == set(USERS)
    await link.close()


async def test_lists_that_the_other_partitions_miss_are_told(writer: ListWriter, config: EndpointConfig) -> None:
    link = await started(config, writer.keys.missed(0))
    told = MissedLists(link, UserMarks(PARTITIONS))
    await told.write(1_000.0)
    for expected in (there(0), set(USERS) - there(0)):
        for user_id in USERS:
            told.add(user_id, writer.keys)
        await told.write(1_001.0)
        assert await missed(writer) == expected
        link.away = frozenset()
    await link.close()


@pytest.mark.parametrize("away", ["live", "experiments"])
async def test_cards_are_read_though_the_pointer_is_away(away: str, writer: ListWriter, config: EndpointConfig) -> None:
    keys = Keys(config.namespace, "v1")
    link = await started(config, getattr(keys, away))
    versions = LiveVersions(config.namespace, "v1", link)
    await change_cards(writer, keys, {item_hash("i"): ItemCard.of("i", "", b"0")})
    await writer.switch_live(LivePointer({"v2": 100}, 1))
    with pytest.raises(RedisUnavailable, match="nobody serves"):
        await versions.refresh()
    serving = {"live": "v1", "experiments": "v2"}[away]
    assert [version.keys.version for version in versions.all] == [serving]
    if away == "live":
        assert item_hash("i") in versions.first().cards.cards.held
    link.away = frozenset()
    await versions.refresh()
    assert [version.keys.version for version in versions.all] == ["v2"]
    await link.close()
