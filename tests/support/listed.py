"""Lists as tests write them: item by item, with what a card says beside what the list does.

value = stamp.personal("u", 7, [item_fragment("i1", "Alien", 0.9, "Because", "because")], [facts_of(16)])
await CardWriter.connect(url, keys).write_lists([(key, value)], TTL_S)      # the cards first, then the list
"""

from __future__ import annotations

import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

import numpy as np
from redis.asyncio import Redis

from serving.eligibility import facts_of
from serving.item_card import ItemCard
from serving.keys import Keys
from serving.list_format import NOTHING, Begun, Explanation, Items, ListStamp, begun, scored
from serving.redis_clients import OneRedis
from serving.redis_writer import Group, ListWriter, WriteResult
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner

#: Of no item: the cards that tests write are ordered among themselves.
CARDS_PARTITION = 2**15


class Entry(NamedTuple):
    """An item of a list."""

    item_id: str
    title: str
    score: float
    said: Explanation


class BegunEntry(NamedTuple):
    """An item that somebody may go on with."""

    item_id: str
    title: str
    begun: Begun


def item_fragment(item_id: str, title: str, score: float, reason: str, code: str, algorithm: str = "popular") -> Entry:
    """One recommendation. Score in [0, 1]."""
    return Entry(item_id, title, score, Explanation(reason, code, algorithm))


def continue_fragment(
    item_id: str, title: str, progress_pct: float, position_s: float, updated_at_ms: int
) -> BegunEntry:
    """One entry of continue-watching."""
    return BegunEntry(item_id, title, Begun(item_hash(item_id), progress_pct, position_s, updated_at_ms))


class Listed(bytes):
    """A list's value, with the cards of its items."""

    cards: Mapping[int, ItemCard]


Entries = Sequence[Entry] | Sequence[BegunEntry]


def items_of(entries: Entries) -> Items:
    """The items as they stand in a list."""
    if not entries:
        return NOTHING
    if isinstance(entries[0], BegunEntry):
        return begun([entry.begun for entry in entries if isinstance(entry, BegunEntry)])
    listed = [entry for entry in entries if isinstance(entry, Entry)]
    keys = np.array([item_hash(entry.item_id) for entry in listed], "<u8")
    steps = np.array([round(entry.score * 10_000) for entry in listed], "<u2")
    return scored(keys.tobytes(), steps.tobytes(), [entry.said for entry in listed], lambda said: said)


def cards_of(entries: Entries, facts: Sequence[bytes] = ()) -> dict[int, ItemCard]:
    """The cards of items; without facts everybody may be shown them."""
    told = facts or [facts_of(0)] * len(entries)
    return {
        item_hash(entry.item_id): ItemCard.of(entry.item_id, entry.title, said)
        for entry, said in zip(entries, told, strict=True)
    }


@dataclass(frozen=True)
class CardStamp:
    """`ListStamp`, but its lists know the cards of their items."""

    stamp: ListStamp

    def personal(
        self,
        user_id: str,
        offset: int,
        entries: Entries,
        facts: Sequence[bytes] = (),
        *,
        context: str = "",
        page: bytes = b"",
    ) -> Listed:
        """One user's list."""
        value = Listed(self.stamp.personal(user_id, offset, items_of(entries), context=context, page=page))
        value.cards = cards_of(entries, facts)
        return value

    def shared(self, entries: Entries, facts: Sequence[bytes] = ()) -> Listed:
        """A list that belongs to no user."""
        value = Listed(self.stamp.shared(items_of(entries)))
        value.cards = cards_of(entries, facts)
        return value


def list_stamp(*given: str | int) -> CardStamp:
    """A `CardStamp` of what `ListStamp` takes."""
    return CardStamp(ListStamp(*given))  # type: ignore[arg-type]


@dataclass
class _Owner:
    """Writes all cards of a process's tests in the order in which they are written."""

    owner: PartitionOwner = field(default_factory=lambda: PartitionOwner(CARDS_PARTITION, time.time_ns() >> 20))


_owner = _Owner().owner


def redis_of(writer: ListWriter) -> Redis:
    """What a writer of one server writes with."""
    assert isinstance(writer._nodes, OneRedis)
    return writer._nodes.redis


class CardWriter(ListWriter):
    """A list writer that writes the cards of lists before them."""

    async def write_together(
        self, groups: Sequence[Group], ttl_s: int, owner: PartitionOwner | None = None, held: bool = False
    ) -> WriteResult:
        """See ListWriter."""
        for group in groups:
            for key, value in group:
                await self.put_cards(key, value)
        return await super().write_together(groups, ttl_s, owner, held)

    async def put_cards(self, key: str, value: bytes) -> None:
        """The cards of the list under a key of any version of the namespace."""
        if isinstance(value, Listed) and value.cards:
            version = Keys(self.keys.namespace, key.removeprefix(self.keys.root).partition(":")[0], self.keys.clustered)
            await change_cards(self, version, value.cards)


async def change_cards(writer: ListWriter, keys: Keys, cards: Mapping[int, ItemCard]) -> None:
    """Writes cards of a version, as the owner of their partition would."""
    assert await ListWriter(writer._nodes, keys).change_cards(_owner, cards)


async def withdraw(writer: ListWriter, *item_ids: str) -> None:
    """The catalogue takes items back."""
    await restate(writer, dict.fromkeys(item_ids, b""))


async def restate(writer: ListWriter, facts: Mapping[str, bytes], at_ms: int | None = None) -> None:
    """The catalogue says other facts of items."""
    now_ms = time.time_ns() // 1_000_000 if at_ms is None else at_ms
    cards = {
        item_hash(item_id): ItemCard.of(item_id, f"Title {item_id}", said, now_ms) for item_id, said in facts.items()
    }
    await change_cards(writer, writer.keys, cards)
