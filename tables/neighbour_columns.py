"""Neighbours or successors of items, in two matrices: a bounded number each, in shards.

A neighbour belongs to the shard that its key names, and a full shard lets its weakest go. So whoever adds the same
pairs in the same order holds the same matrices.
"""

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown
from tables.item_keys import Keys, Numbers
from tables.kernels.pairs import add_pairs

Floats = NDArray[np.float32]


class NeighbourColumns:
    """`items` int32[capacity, width] and `weights` float32[capacity, width]; an empty slot has weight 0 and item -1.
    The filled slots of a shard come first."""

    def __init__(self, shards: int, slots: int) -> None:
        self.width = shards * slots
        self.shards = shards
        self.slots = slots
        self.items = np.zeros((0, self.width), np.int32)
        self.weights = np.zeros((0, self.width), np.float32)

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` items."""
        self.items, self.weights = grown(self.items, capacity, -1), grown(self.weights, capacity)

    def add(self, keys: Keys, rows: Numbers, neighbours: Numbers, weights: Floats) -> None:
        """Add weight to pairs, all three of shape [pairs]; a pair may come repeatedly, one of a row below 0 is left
        out. `keys` are those of neighbours by number."""
        add_pairs(self.items, self.weights, self.shards, keys, rows, neighbours, weights)

    def sizes(self, row: int) -> NDArray[np.int64]:
        """int64[shards]: the filled slots."""
        filled: NDArray[np.int64] = np.count_nonzero(self.weights[row].reshape(self.shards, self.slots), axis=1)
        return filled

    def filled(self, row: int) -> tuple[Numbers, Floats]:
        """The neighbours in a row and their weights, shard by shard."""
        held = np.flatnonzero(self.weights[row])
        return self.items[row, held], self.weights[row, held]

    def put(self, row: int, sizes: NDArray[np.integer], neighbours: Numbers, weights: Floats) -> None:
        """Replace a row by what `sizes` and `filled` gave."""
        starts = np.arange(self.shards) * self.slots - (np.cumsum(sizes) - sizes)
        held = np.repeat(starts, sizes) + np.arange(len(neighbours))
        self.items[row], self.weights[row] = -1, 0
        self.items[row, held], self.weights[row, held] = neighbours, weights
