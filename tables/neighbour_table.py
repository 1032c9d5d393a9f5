"""Per item the weights of a bounded number of neighbours, in shards.

A neighbour belongs to the shard that its id hashes to, so that a visit rewrites only the shards it touched. A full
shard lets its weakest neighbour go. All steps work on whole batches of pairs in numpy.
"""

from collections.abc import Iterable, Iterator
from zlib import crc32

import numpy as np
from numpy.typing import NDArray
from scipy import sparse

from tables.columns import grown

_GROW = 1.5
#: Pairs that wait at most: merging many at once costs two thirds of merging each record's on its own.
_MOST_WAITING = 200_000

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class ItemNumbers:
    """Numbers the item ids of one partition in order of first use. `hashes` int64[capacity] are their CRC-32."""

    def __init__(self) -> None:
        self.names: list[str] = []
        self.hashes = np.zeros(64, np.int64)
        self._numbers: dict[str, int] = {}

    def __getitem__(self, item_id: str) -> int:
        number = self._numbers.get(item_id)
        if number is None:
            number = self._numbers[item_id] = len(self.names)
            self.names.append(item_id)
            if number == len(self.hashes):
                self.hashes = grown(self.hashes, _larger(self.hashes))
            self.hashes[number] = crc32(item_id.encode())
        return number


class NeighbourTable:
    """Weights [row, shard, slot] of the items of one partition, `shards` times `slots` neighbours each. A row exists
    for the items that were given one by `add` or `restore`. Empty slots have weight 0."""

    def __init__(self, numbers: ItemNumbers, shards: int, slots: int) -> None:
        self._numbers = numbers
        self._shards = shards
        self._slots = slots
        self._row_of = np.full(64, -1, np.int64)
        self._rows: list[int] = []
        self._neighbours = np.full((64, shards, slots), -1, np.int32)
        self._weights = np.zeros((64, shards, slots), np.float32)
        self._touched = np.zeros((64, shards), np.bool_)
        self._waiting: list[tuple[Ints, Ints, NDArray[np.float64]]] = []
        self._waiting_pairs = 0

    def _row(self, number: int) -> int:
        if number >= len(self._row_of):
            self._row_of = grown(self._row_of, len(self._numbers.hashes), -1)
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
        """Add weight to pairs of item numbers, all three of shape [pairs]; a pair may occur repeatedly. Rows show it
        with the next `take_touched`."""
        if not len(items):
            return
        self._waiting.append((items, neighbours, weights))
        self._waiting_pairs += len(items)
        if self._waiting_pairs >= _MOST_WAITING:
            self._merge()

    def _merge(self) -> None:
        """Bring the pairs that wait into the rows."""
        if not self._waiting:
            return
        items, neighbours, weights = (np.concatenate(column) for column in zip(*self._waiting, strict=True))
        self._waiting, self._waiting_pairs = [], 0
        for number in np.flatnonzero(np.bincount(items)).tolist():
            self._row(number)
        shape = (len(self._rows), len(self._numbers.names))
        summed = sparse.csr_array((weights, (self._row_of[items], neighbours)), shape=shape)
        summed.sum_duplicates()
        rows = np.repeat(np.arange(shape[0]), np.diff(summed.indptr))
        self._put(rows, summed.indices.astype(np.int64), summed.data.astype(np.float32))

    def _put(self, rows: Ints, others: Ints, sums: Floats) -> None:
        """Add the sums of distinct pairs."""
        shards = self._numbers.hashes[others] % self._shards
        self._touched[rows, shards] = True
        same = self._neighbours[rows, shards] == others[:, None]
        slots = same.argmax(axis=1)
        known = same[np.arange(len(rows)), slots]
        self._weights[rows[known], shards[known], slots[known]] += sums[known]
        new = ~known
        if new.any():
            self._replace_weakest(rows[new] * self._shards + shards[new], others[new], sums[new])

    def _replace_weakest(self, groups: Ints, others: Ints, sums: Floats) -> None:
        """Put new neighbours in the place of the weakest of their (row, shard) group, empty slots first."""
        order = np.lexsort((-sums, groups))
        groups, others, sums = groups[order], others[order], sums[order]
        distinct, first, sizes = np.unique(groups, return_index=True, return_counts=True)
        rank = np.arange(len(groups)) - np.repeat(first, sizes)
        fits = rank < self._slots
        weights = self._weights.reshape(-1, self._slots)
        weakest_first = np.argsort(weights[distinct], axis=1, kind="stable")
        which = np.repeat(np.arange(len(distinct)), sizes)[fits]
        slots = weakest_first[which, rank[fits]]
        weights[groups[fits], slots] = sums[fits]
        self._neighbours.reshape(-1, self._slots)[groups[fits], slots] = others[fits]

    def restore(self, item_id: str, shard: int, neighbours: Iterable[str], weights: Floats) -> None:
        """Put back one shard as `take_touched` gave it."""
        row = self._row(self._numbers[item_id])
        numbers = [self._numbers[name] for name in neighbours]
        self._neighbours[row, shard, : len(numbers)] = numbers
        self._weights[row, shard, : len(numbers)] = weights

    def take_touched(self) -> Iterator[tuple[str, int, list[str], Floats]]:
        """(item id, shard, neighbour ids, weights float32[neighbours]) of the shards touched since the last call."""
        self._merge()
        rows, shards = np.nonzero(self._touched[: len(self._rows)])
        self._touched[:] = False
        filled = (self._neighbours[rows, shards] >= 0).sum(axis=1)
        names = self._numbers.names
        for row, shard, count in zip(rows.tolist(), shards.tolist(), filled.tolist(), strict=True):
            neighbours = [names[number] for number in self._neighbours[row, shard, :count].tolist()]
            yield names[self._rows[row]], shard, neighbours, self._weights[row, shard, :count].copy()


def _larger(array: NDArray[np.generic]) -> int:
    return int(len(array) * _GROW) + 1
