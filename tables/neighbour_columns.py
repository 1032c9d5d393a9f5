"""Neighbours or successors of all items as followers hold them: two matrices by item index."""

from collections.abc import Callable

import numpy as np

from tables import item_rows
from tables.columns import grown


class NeighbourColumns:
    """`items` int32[capacity, width] and `weights` float32[capacity, width]; weight 0 = an empty slot."""

    def __init__(self, shards: int, slots: int) -> None:
        self.width = shards * slots
        self._slots = slots
        self.items = np.zeros((0, self.width), np.int32)
        self.weights = np.zeros((0, self.width), np.float32)

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` items."""
        self.items, self.weights = grown(self.items, capacity), grown(self.weights, capacity)

    def put(self, key: bytes, value: bytes | None, index_of: Callable[[str], int]) -> None:
        """Follow one shard's row; `index_of` gives every item an index and may call `grow`."""
        shard, item_id = item_rows.neighbours_of(key)
        index = index_of(item_id)
        first = shard * self._slots
        if value is None:
            self.weights[index, first : first + self._slots] = 0
            return
        row = item_rows.NEIGHBOURS_CODEC.decode(value)
        indices = [index_of(item) for item in row.items]  # may grow the matrices: before writing to them
        filled = slice(first, first + len(indices))
        self.weights[index, first : first + self._slots] = 0
        self.items[index, filled] = indices
        self.weights[index, filled] = row.weights_array()
