"""Lists that belong to no user: popular, trending, similar items. Written from the followed item model.

Global lists span item partitions, but every worker follows all of them, so the owner of some partition writes them.
Similar items are written by the owner of the item's partition, a bounded number a round, in turn; what nobody visited
since is left as it is.
"""

import asyncio
import logging
from collections.abc import Callable

from agents.list_maker import ListMaker
from agents.places import PlaceLists
from agents.withdrawn import Withdrawn
from ranking.shared_lists import popular, similar
from serving.keys import LIST_TTL_S, Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from tables.item_deltas import item_partition

logger = logging.getLogger(__name__)

ROUND_S = 1.0
VECTORS_EVERY = 5  # rounds
SIMILAR_PER_ROUND = 40
LOOKED_AT_PER_ROUND = 5_000
#: A list that nothing changed is written again after so long, well before Redis forgets it.
SIMILAR_KEPT_MS = LIST_TTL_S * 1000 // 2
SIMILAR_SIZE = 100


class SharedLists:
    """One background loop of a worker."""

    def __init__(
        self,
        maker: ListMaker,
        writer: ListWriter,
        keys: Keys,
        owned_item_partitions: Callable[[], set[int]],
        partitions: int,
    ) -> None:
        self._maker = maker
        self._writer = writer
        self._keys = keys
        self._owned = owned_item_partitions
        self._partitions = partitions
        self._places = PlaceLists(maker, writer, keys, partitions)
        self._withdrawn = Withdrawn(maker.model, writer, keys, partitions)
        self._similar_cursor = 0
        self._similar_last: str | None = None
        self._similar_written: dict[int, tuple[float, int, int]] = {}  # what was learned, catalogue version, when

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
        owned = self._owned()
        await self._withdrawn.write(owned, now_ms)
        if 0 in owned:
            await self._write_popular(now_ms)
        await self._places.write_next(owned, now_ms)
        await self._write_similar(owned, now_ms)

    async def _write_popular(self, now_ms: int) -> None:
        listed = popular(self._maker.model, now_ms, self._maker.list_size)
        await self._writer.write_shared(self._keys.popular(), self._maker.shared_value(listed, now_ms), LIST_TTL_S)

    async def _write_similar(self, owned: set[int], now_ms: int) -> None:
        if self._similar_last is not None and await self._writer.read(self._similar_last) is None:
            self._similar_written.clear()  # Redis was wiped: what was written is gone
        chosen = self._next_items(owned, now_ms)
        values = []
        for index in chosen:
            listed = similar(self._maker.model, index, now_ms, SIMILAR_SIZE)
            key = self._keys.similar(self._maker.model.ids[index])
            values.append((key, self._maker.shared_value(listed, now_ms)))
            self._similar_last = key
        await self._writer.write_lists(values, LIST_TTL_S)
        self._similar_written |= chosen

    def _next_items(self, owned: set[int], now_ms: int) -> dict[int, tuple[float, int, int]]:
        """The next items of owned partitions whose list is out of date, round robin over the catalogue, with the state
        that their lists will show."""
        model, version = self._maker.model, self._maker.catalogue_version
        ids = model.ids
        chosen: dict[int, tuple[float, int, int]] = {}
        for _ in range(min(len(ids), LOOKED_AT_PER_ROUND)):
            index = self._similar_cursor % len(ids)
            self._similar_cursor = index + 1
            if item_partition(ids[index], self._partitions) not in owned:
                self._similar_written.pop(index, None)  # whoever owns it writes it
                continue
            state = (model.learned(index), version)
            *written, at_ms = self._similar_written.get(index, (-1.0, -1, 0))
            if tuple(written) != state or now_ms - at_ms >= SIMILAR_KEPT_MS:
                chosen[index] = (*state, now_ms)
            if len(chosen) == SIMILAR_PER_ROUND:
                break
        return chosen
