"""Rows of different lengths, one behind the other: what belongs to each user of a batch."""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Ints = NDArray[np.int32]
Offsets = NDArray[np.int64]


class Ragged(NamedTuple):
    """Row n is `values[offsets[n]:offsets[n + 1]]`: `offsets` int64[rows + 1], `values` int32[total], item indices."""

    offsets: Offsets
    values: Ints

    @classmethod
    def of(cls, rows: Sequence[Ints]) -> "Ragged":
        """These rows."""
        return cls(offsets_of([len(row) for row in rows]), np.concatenate([NOTHING, *rows]))

    def row(self, number: int) -> Ints:
        """One of them."""
        return self.values[self.offsets[number] : self.offsets[number + 1]]

    def owners(self) -> NDArray[np.int64]:
        """int64[total]: whose each value is."""
        return owners(self.offsets)

    def union(self, others: "Ragged") -> tuple["Ragged", NDArray[np.int64]]:
        """What is in a row of either, each once, and before which of our values the others came in, as `np.insert`
        takes it. Rows of both ascend.

        >>> ours, others = Ragged.of([np.array([2, 5]), np.array([3])]), Ragged.of([np.array([1, 5]), np.array([9])])
        >>> (both := ours.union(others)[0]).values.tolist(), both.offsets.tolist(), ours.union(others)[1].tolist()
        ([1, 2, 5, 3, 9], [0, 3, 5], [0, 3])
        """
        width = int(max(self.values.max(initial=0), others.values.max(initial=0))) + 1
        keys, more = (rows.owners() * width + rows.values for rows in (self, others))
        places = np.searchsorted(keys, more)
        is_new = np.append(keys, -1)[places] != more
        new, places = others.values[is_new], places[is_new]
        added = np.bincount(others.owners()[is_new], minlength=len(self.offsets) - 1)
        return Ragged(offsets_of(np.diff(self.offsets) + added), np.insert(self.values, places, new)), places

    def where(self, keep: NDArray[np.bool_]) -> "Ragged":
        """The values that are kept, bool[total]."""
        return Ragged(offsets_where(self.offsets, keep), self.values[keep])


NOTHING: Ints = np.zeros(0, np.int32)


def offsets_of(lengths: Sequence[int] | NDArray[np.integer]) -> Offsets:
    """The offsets of rows of these lengths.

    >>> offsets_of([2, 0, 1]).tolist()
    [0, 2, 2, 3]
    """
    offsets = np.zeros(len(lengths) + 1, np.int64)
    np.cumsum(lengths, out=offsets[1:])
    return offsets


def offsets_where(offsets: Offsets, keep: NDArray[np.bool_]) -> Offsets:
    """The offsets of what is kept, bool[total], of each row."""
    kept = np.zeros(len(keep) + 1, np.int64)
    np.cumsum(keep, out=kept[1:])
    return kept[offsets]


def owners(offsets: Offsets) -> NDArray[np.int64]:
    """int64[total]: the number of the row of each value."""
    return np.repeat(np.arange(len(offsets) - 1), np.diff(offsets))


def places_in_rows(offsets: Offsets) -> NDArray[np.int64]:
    """int64[total]: the place of each value in its row, from 0."""
    return np.arange(offsets[-1]) - np.repeat(offsets[:-1], np.diff(offsets))


def lowest_in_rows(offsets: Offsets, values: NDArray[np.int64], nothing: int) -> NDArray[np.int64]:
    """int64[rows]: the lowest value of each row, `nothing` where it is empty."""
    lowest = np.minimum.reduceat(np.append(values, nothing), offsets[:-1]) if len(offsets) > 1 else values[:0]
    return np.where(np.diff(offsets) > 0, lowest, nothing)
