"""Keeps `blocked:{version}`, the items that no answer may show: lists in Redis may be days old, and show them still.

An item is blocked when the catalogue withdrew it or its time of availability is over or to come. It leaves the set when
it is available again, and for no other reason: a process that started after a withdrawal had left the compacted topic
only knows that nobody names the item.
"""

from collections.abc import Mapping

import numpy as np

from serving.keys import Keys
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from tables.item_deltas import item_partition
from tables.item_model import ItemModel

#: Rounds after which the set is compared although nothing seems to have changed.
COMPARE_EVERY = 60


class Withdrawn:
    """The blocked items of the owned item partitions."""

    def __init__(self, model: ItemModel, writer: ListWriter, keys: Keys, partitions: int) -> None:
        self._model = model
        self._writer = writer
        self._keys = keys
        self._partitions = partitions
        self._compared: tuple[frozenset[int], bytes, bytes | None] | None = None
        self._rounds = 0

    async def write(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> None:
        """Blocks and unblocks what is due; one small read when nothing changed."""
        catalog = self._model.catalog
        hidden, withdrawn = catalog.hidden(now_ms), catalog.withdrawn(now_ms)
        shape = frozenset(owned), np.packbits([hidden, withdrawn]).tobytes()
        self._rounds += 1
        if (*shape, await self._stamp()) == self._compared and self._rounds < COMPARE_EVERY:
            return
        found = await self._writer.blocked_items()
        ids, index_of = self._model.ids, self._model.index
        block = {ids[place] for place in np.flatnonzero(withdrawn).tolist()} - found
        unblock = {item_id for item_id in found if (index := index_of(item_id)) >= 0 and not hidden[index]}
        changes: dict[int, tuple[set[str], set[str]]] = {}
        for change, items in enumerate((block, unblock)):
            for item_id in items:
                partition = item_partition(item_id, self._partitions)
                if partition in owned:
                    changes.setdefault(partition, (set(), set()))[change].add(item_id)
        written = [
            await self._writer.change_blocked(owned[partition], *change) for partition, change in changes.items()
        ]
        self._compared = (*shape, await self._stamp()) if all(written) else None
        self._rounds = 0

    async def _stamp(self) -> bytes | None:
        return await self._writer.read(self._keys.blocked_stamp)
