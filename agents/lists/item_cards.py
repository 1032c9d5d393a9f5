"""Keeps `cards:{version}`: what the catalogue says of each item now, which the endpoint joins lists with.

The owner of an item partition writes the cards of its items: those of which the catalogue said something, those that
are new to the model, and, in turn, those that differ from what is stored. Whoever begins to own a partition compares
all of it. When Redis lost something, or fell back to an older state, nobody knows what changed meanwhile, nor what
readers have read of it: an epoch begins, and everybody writes all cards again.

A card says when its facts last changed. The stored one is what they are compared with, so a later owner knows it too.
"""

import asyncio
from collections.abc import Collection, Iterable, Mapping
from itertools import islice

from agents.lists.list_maker import ListMaker
from serving.eligibility import facts_of
from serving.item_card import NOBODYS, ItemCard
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from tables.item_deltas import item_partition
from tables.item_model import ItemModel

#: Cards that are made and compared before others have their turn: 5 µs each.
COMPARED_A_TURN = 500
#: Items whose partition is looked for before that: 1 µs each.
SORTED_A_TURN = 5_000
#: Cards of which nothing is known to be wrong that are compared in a round.
AUDITED_PER_ROUND = 200


def card_of(model: ItemModel, index: int) -> ItemCard:
    """The card of an item, as it is when it is written for the first time."""
    details = model.catalog.details[index]
    return ItemCard.of(model.ids[index], model.title(index), item_facts(model, index), details=details)


def item_facts(model: ItemModel, index: int) -> bytes:
    """Who may be shown an item, as `serving.eligibility` has it; of one that is not listed nobody."""
    catalog = model.catalog
    if not catalog.is_listed(index):
        return NOBODYS
    genres = [catalog.genre_names[number] for number in catalog.genres[index]]
    return facts_of(int(catalog.maturity_age[index]), genres, *catalog.bounds(index))


class ItemCards:
    """The cards of the owned item partitions."""

    def __init__(self, maker: ListMaker, writer: ListWriter, partitions: int) -> None:
        self._maker = maker
        self._model = maker.model
        self._writer = writer
        self._partitions = partitions
        self._compared: set[PartitionOwner] = set()  # who has compared all items of the partition
        self._rewrites = False  # also what is stored as it should be
        self._stamp: bytes | None = None
        self._said = maker.records_said
        self._met = 0  # items of the model, some of them not named yet
        self._unnamed: set[int] = set()
        self._in_use = self._model.catalog.in_use
        self._audited = 0

    async def write(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> None:
        """Writes what is due. Raises RedisUnavailable; then all of it is compared the next time."""
        model = self._model
        await self._look_at_stamp()
        if model.catalog.in_use != self._in_use:
            self._compared.clear()
        said = self._maker.items_said_since(self._said)
        if said is None:
            self._compared.clear()
        self._said, self._in_use = self._maker.records_said, model.catalog.in_use
        self._compared &= set(owned.values())
        everything = {owner.partition for owner in owned.values() if owner not in self._compared}
        due = self._named_since() | {model.index(item_id) for item_id in said or ()} | set(self._audit())
        compared, self._compared = self._compared, set()  # until all of it is written
        indices = range(len(model)) if everything else due
        by_partition = await self._by_partition(indices, owned, everything, due)
        done = {owner for owner in owned.values() if await self._write(owner, by_partition[owner.partition], now_ms)}
        self._compared = done & (compared | {owned[partition] for partition in everything})
        self._rewrites &= not self._compared.issuperset(owned.values())
        self._stamp = await self._writer.card_stamp()

    async def _look_at_stamp(self) -> None:
        """Notices that what is stored is not what it was, and more. Numbers of an older state are given out a second
        time, so readers who have read them would miss changes: whoever sees it first ends the epoch."""
        known, stamp = self._stamp, await self._writer.card_stamp()
        if known is not None and stamp is not None:
            (epoch, _, number), (now, _, now_number) = known.rpartition(b":"), stamp.rpartition(b":")
            if epoch == now and int(now_number) >= int(number):
                return
            if epoch == now:
                await self._writer.end_card_epoch(stamp)
        elif stamp is None:
            await self._writer.end_card_epoch(b"")
        self._rewrites |= known is not None or stamp is None  # else it has just begun to look
        self._compared.clear()

    def _named_since(self) -> set[int]:
        """Items whose ids became known since the last time."""
        ids = self._model.ids
        candidates = self._unnamed | set(range(self._met, len(ids)))
        self._met = len(ids)
        self._unnamed = {index for index in candidates if not ids[index]}
        return candidates - self._unnamed

    def _audit(self) -> Iterable[int]:
        size = len(self._model)
        start, self._audited = self._audited, self._audited + AUDITED_PER_ROUND
        if self._audited >= size:
            self._audited = 0
        return range(start, min(start + AUDITED_PER_ROUND, size))

    async def _by_partition(
        self, indices: Iterable[int], owned: Mapping[int, PartitionOwner], everything: Collection[int], due: set[int]
    ) -> dict[int, list[int]]:
        ids, found = self._model.ids, {partition: list[int]() for partition in owned}
        for place, index in enumerate(indices):
            if place % SORTED_A_TURN == SORTED_A_TURN - 1:
                await asyncio.sleep(0)
            partition = item_partition(ids[index], self._partitions)
            if ids[index] and partition in found and (partition in everything or index in due):
                found[partition].append(index)
        return found

    async def _write(self, owner: PartitionOwner, indices: Iterable[int], now_ms: int) -> bool:
        """False when a later owner wrote some already."""
        left = iter(indices)
        while turn := list(islice(left, COMPARED_A_TURN)):
            wanted = {int(self._model.keys.keys[index]): card_of(self._model, index) for index in turn}
            changed = {}
            for key, stored in zip(wanted, await self._writer.cards(list(wanted)), strict=True):
                card = wanted[key]
                if stored is not None:
                    restated_ms = now_ms if stored.facts != card.facts else stored.restated_ms
                    card = card._replace(restated_ms=restated_ms)
                if card != stored or self._rewrites:
                    changed[key] = card
            if not await self._writer.change_cards(owner, changed):
                return False
            await asyncio.sleep(0)
        return True
