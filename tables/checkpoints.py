"""When a row is written again, and which records of `tables.learned` are needed no longer.

What items learn is published as it comes, in records that are small but grow in number. So rows follow them: with every
publication those that have waited longest, for half the bytes that the records took. A record that every row contains
is removed. So a restore reads at most about twice what the rows take, whatever the traffic, and a publication is half
as large again as what it tells.
"""

from collections import deque
from typing import Final

import numpy as np

from tables.columns import grown
from tables.item_keys import Numbers

#: Bytes of rows for a byte of records.
ROWS_SHARE: Final = 0.5


class Checkpoints:
    """Rows that changed since they were written, longest waiting first, and the numbers of the records that hold it."""

    def __init__(self) -> None:
        self._since = np.zeros(0, np.int64)  # the first record that a row was not written after; 0 = it contains all
        self._waiting: deque[tuple[int, int]] = deque()  # (row, since); out of date when `_since` says otherwise
        self._kept: deque[int] = deque()
        self._bytes = 0.0  # may be written for what was published

    def __len__(self) -> int:
        """Rows that wait."""
        return int(np.count_nonzero(self._since))

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` rows."""
        self._since = grown(self._since, capacity)

    def changed(self, rows: Numbers, number: int) -> None:
        """A record changed some rows."""
        clean = rows[self._since[rows] == 0]
        self._since[clean] = number
        self._waiting += [(row, number) for row in clean.tolist()]

    def published(self, number: int, size_bytes: int) -> None:
        """A record is kept until all rows contain it."""
        self._kept.append(number)
        self._bytes += size_bytes * ROWS_SHARE

    def written(self, row: int, size_bytes: int) -> None:
        """A row was written."""
        self._since[row] = 0
        self._bytes -= size_bytes

    def next_row(self) -> int | None:
        """The row to write next, None = no more may be written now, or none waits."""
        return self._first() if self._bytes > 0 else None

    def _first(self) -> int | None:
        while self._waiting:
            row, since = self._waiting[0]
            if self._since[row] == since:
                return row
            self._waiting.popleft()
        return None

    def all_rows(self) -> list[int]:
        """All rows that wait."""
        return np.flatnonzero(self._since).tolist()

    def take_outdated(self) -> list[int]:
        """The numbers of records that all rows contain by now."""
        needed_from = np.inf if self._first() is None else self._waiting[0][1]
        outdated = []
        while self._kept and self._kept[0] < needed_from:
            outdated.append(self._kept.popleft())
        return outdated
