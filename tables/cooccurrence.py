"""Which items are used together: per item the weights of up to 320 neighbours, in 8 shards of 40.

A neighbour belongs to the shard that its id hashes to, so that a visit rewrites only the shards it touched. A full
shard lets its weakest neighbour go. All steps work on whole batches of pairs in numpy.
"""

from collections.abc import Iterable, Iterator
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown

SHARDS = 8
SHARD_NEIGHBOURS = 40
_GROW = 1.5

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class Cooccurrence:
    """Weights [row, shard, slot] of the items of one partition. Items are named by id and numbered in order of first
    use; a row exists for the items that were given one by `row_of`. Empty slots have weight 0."""

    def __init__(self) -> None:
        self.numbers: dict[str, int] = {}
        self.names: list[str] = []
        self._shard_of = np.zeros(64, np.int64)
        self._row_of = np.full(64, -1, np.int64)
        self._rows: list[int] = []
        self._neighbours = np.full((64, SHARDS, SHARD_NEIGHBOURS), -1, np.int32)
        self._weights = np.zeros((64, SHARDS, SHARD_NEIGHBOURS), np.float32)
        self._touched = np.zeros((64, SHARDS), np.bool_)

    def number(self, item_id: str) -> int:
        """The number of an item; gives it one when it is new."""
        number = self.numbers.get(item_id)
        if number is None:
            number = self.numbers[item_id] = len(self.names)
            self.names.append(item_id)
            if number == len(self._shard_of):
                self._shard_of = grown(self._shard_of, _larger(self._shard_of))
                self._row_of = grown(self._row_of, _larger(self._row_of), -1)
            self._shard_of[number] = crc32(item_id.encode()) % SHARDS
        return number

    def _row(self, number: int) -> int:
        row = int(self._row_of[number])
        if row < 0:
            row = len(self._rows)
            self._rows.append(number)
            self._row_of[number] = row
            if row == len(self._weights):
                self._neighbours = grown(self._neighbours, _larger(self._neighbours), -1)
                self._weights = grown(self._weights, _larger(self._weights))
                self._touched = grown(self._touched, _larger(self._touched), False)
        return row

    def add(self, items: Ints, neighbours: Ints, weights: NDArray[np.float64]) -> None:
        """Add weight to pairs of item numbers, all three of shape [pairs]; a pair may occur repeatedly."""
        if not len(items):
            return
        for number in np.unique(items[self._row_of[items] < 0]).tolist():
            self._row(number)
        pairs, place = np.unique(self._row_of[items] << 32 | neighbours, return_inverse=True)
        sums = np.bincount(place, weights, len(pairs)).astype(np.float32)
        rows = pairs >> 32
        others = pairs & 0xFFFFFFFF
        shards = self._shard_of[others]
        self._touched[rows, shards] = True
        same = self._neighbours[rows, shards] == others[:, None]
        slots = same.argmax(axis=1)
        known = same[np.arange(len(pairs)), slots]
        self._weights[rows[known], shards[known], slots[known]] += sums[known]
        new = ~known
        if new.any():
            self._replace_weakest(rows[new] * SHARDS + shards[new], others[new], sums[new])

    def _replace_weakest(self, groups: Ints, others: Ints, sums: Floats) -> None:
        """Put new neighbours in the place of the weakest of their (row, shard) group, empty slots first."""
        order = np.lexsort((-sums, groups))
        groups, others, sums = groups[order], others[order], sums[order]
        distinct, first, sizes = np.unique(groups, return_index=True, return_counts=True)
        rank = np.arange(len(groups)) - np.repeat(first, sizes)
        fits = rank < SHARD_NEIGHBOURS
        weights = self._weights.reshape(-1, SHARD_NEIGHBOURS)
        weakest_first = np.argsort(weights[distinct], axis=1, kind="stable")
        which = np.repeat(np.arange(len(distinct)), sizes)[fits]
        slots = weakest_first[which, rank[fits]]
        weights[groups[fits], slots] = sums[fits]
        self._neighbours.reshape(-1, SHARD_NEIGHBOURS)[groups[fits], slots] = others[fits]

    def restore(self, item_id: str, shard: int, neighbours: Iterable[str], weights: Floats) -> None:
        """Put back one shard as `take_touched` gave it."""
        row = self._row(self.number(item_id))
        numbers = [self.number(name) for name in neighbours]
        self._neighbours[row, shard, : len(numbers)] = numbers
        self._weights[row, shard, : len(numbers)] = weights

    def take_touched(self) -> Iterator[tuple[str, int, list[str], Floats]]:
        """(item id, shard, neighbour ids, weights float32[neighbours]) of the shards touched since the last call."""
        rows, shards = np.nonzero(self._touched[: len(self._rows)])
        self._touched[:] = False
        filled = (self._neighbours[rows, shards] >= 0).sum(axis=1)
        names = self.names
        for row, shard, count in zip(rows.tolist(), shards.tolist(), filled.tolist(), strict=True):
            neighbours = [names[number] for number in self._neighbours[row, shard, :count].tolist()]
            yield names[self._rows[row]], shard, neighbours, self._weights[row, shard, :count].copy()


def _larger(array: NDArray[np.generic]) -> int:
    return int(len(array) * _GROW) + 1
