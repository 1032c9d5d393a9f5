"""Lists that belong to no user: popular, trending, similar items. Written from the followed item model.

Global lists span item partitions, but every worker follows all of them, so the owner of some partition writes them.
Similar items are written by the owner of the item's partition, a bounded number a round, in turn; what nobody visited
since is left as it is, unless Redis lost it.
"""

import asyncio
import logging
from collections.abc import Callable, Collection, Iterator, Mapping
from functools import partial
from itertools import islice
from typing import NamedTuple

from agents.lists.item_cards import ItemCards
from agents.lists.item_features import ItemFeatures
from agents.lists.list_maker import ListMaker
from agents.lists.maturity_lists import MaturityLists
from agents.lists.segments import SegmentLists
from ranking.shared_lists import popular, similar
from serving.first_failure import FirstFailure
from serving.keys import LIST_TTL_S, Keys
from serving.list_format import ordered
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from tables.item_deltas import item_partition

logger = logging.getLogger(__name__)

ROUND_S = 1.0
VECTORS_EVERY = 5  # rounds
SIMILAR_PER_ROUND = 40
LOOKED_AT_PER_ROUND = 5_000
#: Written lists whose keys are looked for in a round: Redis may have evicted some of them.
AUDITED_PER_ROUND = 200
#: A list that nothing changed is written again after so long, well before Redis forgets it.
SIMILAR_KEPT_MS = LIST_TTL_S * 1000 // 2
SIMILAR_SIZE = 100


class SimilarState(NamedTuple):
    """What the list of an item's neighbours shows: what had been `learned` of the item, the catalogue and the rules by
    their versions, and when it was made."""

    learned: float
    catalogue_version: int
    rules_version: int
    at_ms: int


class SharedListWriter:
    """One background loop of a worker."""

    def __init__(
        self,
        maker: ListMaker,
        writer: ListWriter,
        keys: Keys,
        owned_item_partitions: Callable[[], Mapping[int, PartitionOwner]],
        partitions: int,
    ) -> None:
        self._maker = maker
        self._writer = writer
        self._keys = keys
        self._owned = owned_item_partitions
        self._partitions = partitions
        self._for_ages = MaturityLists(maker, writer)
        self._places = SegmentLists(maker, writer, keys, partitions)
        self._cards = ItemCards(maker, writer, partitions)
        self._features = ItemFeatures(maker.model, writer, partitions)
        self._similar_cursor = 0
        self._similar_last: dict[str, tuple[str, bytes]] = {}  # by server, the last one written: each falls back alone
        self._similar_written: dict[int, SimilarState] = {}
        self._to_audit: Iterator[int] = iter(())

    async def run(self, now_ms: Callable[[], int]) -> None:
        """Refreshes priors and writes what this worker owns, once a round, until cancelled."""
        rounds = 0
        while True:
            self._maker.model.refresh_priors(now_ms())
            if rounds % VECTORS_EVERY == 0:
                self._maker.model.refresh_vectors()
            rounds += 1
            try:
                await self._round(now_ms())
            except RedisUnavailable as error:
                logger.warning("shared lists wait: %s", error)
            await asyncio.sleep(ROUND_S)

    async def _round(self, now_ms: int) -> None:
        """In a cluster each kind is on a primary of its own, or on several: one that is away stops only what it holds.
        Raises RedisUnavailable when all is done that can be."""
        owned, failure = self._owned(), FirstFailure()
        with failure.kept():
            await self._cards.write(owned, now_ms)
        if 0 in owned:
            with failure.kept():
                await self._write_popular(owned[0], now_ms)
        with failure.kept():
            await self._places.write_next(owned, now_ms)
        with failure.kept():
            await self._write_similar(owned, now_ms)
        with failure.kept():
            await self._features.write(owned, now_ms)
        failure.tell()

    async def _write_popular(self, owner: PartitionOwner, now_ms: int) -> None:
        make = partial(popular, self._maker.model, now_ms, self._maker.list_size)
        await self._for_ages.write(self._keys.popular, make, owner, now_ms, LIST_TTL_S)

    async def _write_similar(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> None:
        failure = FirstFailure()
        for key, value in list(self._similar_last.values()):  # no two are the same bytes
            with failure.kept():
                if await self._writer.read(key) != value:
                    self._similar_written.clear()  # Redis was wiped, or fell back: what was written may be gone
                    self._similar_last.clear()
                    break
        with failure.kept():
            await self._audit_similar()
        chosen = self._next_items(owned, now_ms)
        by_partition: dict[int, list[int]] = {}
        for index in chosen:
            by_partition.setdefault(item_partition(self._maker.model.ids[index], self._partitions), []).append(index)
        for partition, indices in by_partition.items():
            with failure.kept():
                await self._write_similar_of(owned[partition], {index: chosen[index] for index in indices}, now_ms)
        failure.tell()

    async def _write_similar_of(self, owner: PartitionOwner, chosen: Mapping[int, SimilarState], now_ms: int) -> None:
        values = {index: self._similar_value(index, now_ms) for index in chosen}
        result = await self._writer.write_lists(list(values.values()), LIST_TTL_S, owner)
        written = [index for place, index in enumerate(values) if place not in result.refused]
        self._similar_written |= {index: chosen[index] for index in written}
        for index in written:
            key, value = values[index]
            last = {server: kept for server, kept in self._similar_last.items() if kept[0] != key}
            self._similar_last = last | {self._writer.server_of(key): (key, ordered(value, owner.order))}

    def _similar_value(self, index: int, now_ms: int) -> tuple[str, bytes]:
        listed = similar(self._maker.model, index, now_ms, SIMILAR_SIZE)
        return self._keys.similar(self._maker.model.ids[index]), self._maker.shared_value(listed, now_ms)

    async def _audit_similar(self) -> None:
        """Forgets that some of the written lists were written, if they are gone; all are looked for in turn."""
        audited = list(islice(self._to_audit, AUDITED_PER_ROUND))
        if len(audited) < AUDITED_PER_ROUND:
            self._to_audit = iter(list(self._similar_written))
        keys = {self._keys.similar(self._maker.model.ids[index]): index for index in audited}
        for key in await self._writer.missing(list(keys)):
            self._similar_written.pop(keys[key], None)

    def _next_items(self, owned: Collection[int], now_ms: int) -> dict[int, SimilarState]:
        """The next items of owned partitions whose list is out of date, round robin over the catalogue, with the state
        that their lists will show."""
        model, version, rules = self._maker.model, self._maker.catalogue_version, self._maker.rules_version
        ids = model.ids
        chosen: dict[int, SimilarState] = {}
        for _ in range(min(len(ids), LOOKED_AT_PER_ROUND)):
            index = self._similar_cursor % len(ids)
            self._similar_cursor = index + 1
            if not ids[index] or item_partition(ids[index], self._partitions) not in owned:
                self._similar_written.pop(index, None)  # whoever owns it writes it
                continue
            state = SimilarState(model.learned(index), version, rules, now_ms)
            written = self._similar_written.get(index)
            if written is None or written[:-1] != state[:-1] or not 0 <= now_ms - written.at_ms < SIMILAR_KEPT_MS:
                chosen[index] = state
            if len(chosen) == SIMILAR_PER_ROUND:
                break
        return chosen
