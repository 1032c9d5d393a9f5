"""Vectors of rows, side by side without gaps, overwritten where they are."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

_FIRST_CAPACITY = 64
_Scalar = TypeVar("_Scalar", bound=np.generic)


class VectorStore:
    """float32 vectors by row number; a zero vector means that the row has none, and it takes no place.

    Searching a plain array needs no mask for rows without a vector (a mask costs FAISS 7–33 % of a search), and an
    overwrite is one copy. A removed vector's place is taken by the last one.
    """

    def __init__(self, dim: int) -> None:
        self._vectors = np.zeros((_FIRST_CAPACITY, dim), np.float32)
        self._row_of = np.zeros(_FIRST_CAPACITY, np.int32)
        self._slot_of = np.full(_FIRST_CAPACITY, -1, np.int32)
        self._row_count = 0
        self._held = 0

    @property
    def row_count(self) -> int:
        """One more than the highest row ever put."""
        return self._row_count

    @property
    def held(self) -> int:
        """Rows that have a vector."""
        return self._held

    @property
    def vectors(self) -> NDArray[np.float32]:
        """float32[held, dim], a view, valid until the next `put`."""
        return self._vectors[: self._held]

    @property
    def rows(self) -> NDArray[np.int32]:
        """int32[held]: whose vector it is, in the order of `vectors`; a view, valid until the next `put`."""
        return self._row_of[: self._held]

    def has(self, rows: NDArray[np.int32]) -> NDArray[np.bool_]:
        """bool[m]: which of the rows have a vector; rows must be below `row_count`."""
        return self._slot_of[rows] >= 0

    def of(self, rows: NDArray[np.int32]) -> NDArray[np.float32]:
        """float32[m, dim], a copy; every row must have a vector."""
        return self._vectors[self._slot_of[rows]]

    def put(self, rows: NDArray[np.int32], vectors: NDArray[np.float32]) -> None:
        """Overwrites, appends or, with a zero vector, removes; rows are distinct and not negative."""
        if not len(rows):
            return
        self._row_count = max(self._row_count, int(rows.max()) + 1)
        known = len(self._slot_of)
        self._slot_of = _grown(self._slot_of, self._row_count)
        self._slot_of[known:] = -1
        given = vectors.any(axis=1)
        if not given.all():
            for row in rows[~given & self.has(rows)].tolist():
                self._remove(row)
            rows, vectors = rows[given], vectors[given]
        self._append(rows[~self.has(rows)])
        self._vectors[self._slot_of[rows]] = vectors

    def _append(self, rows: NDArray[np.int32]) -> None:
        first, self._held = self._held, self._held + len(rows)
        self._vectors = _grown(self._vectors, self._held)
        self._row_of = _grown(self._row_of, self._held)
        self._row_of[first : self._held] = rows
        self._slot_of[rows] = np.arange(first, self._held, dtype=np.int32)

    def _remove(self, row: int) -> None:
        slot, last = self._slot_of[row], self._held - 1
        moved = self._row_of[last]
        self._vectors[slot], self._row_of[slot], self._slot_of[moved] = self._vectors[last], moved, slot
        self._slot_of[row] = -1
        self._held = last


def _grown(array: NDArray[_Scalar], length: int) -> NDArray[_Scalar]:
    """The array, or a copy with room for `length` and a quarter more: growing one by one stays linear."""
    if length <= len(array):
        return array
    longer = np.zeros((length + length // 4, *array.shape[1:]), array.dtype)  # takes no memory before it is written
    longer[: len(array)] = array
    return longer
