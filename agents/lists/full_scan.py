"""A walk over all rows of one partition, a bounded number at a time: whose lists may not be written?"""

from collections.abc import Iterator
from itertools import islice

from tables.user_row import UserRow

Rows = Iterator[tuple[str, UserRow | None]]


class FullScan:
    """Lists of rows whose last event is at `since` or later may be missing. A scan that is begun while another one is
    under way looks for both."""

    def __init__(self) -> None:
        self._rows: Rows | None = None
        self.since = 0

    @property
    def under_way(self) -> bool:
        """Whether rows are left."""
        return self._rows is not None

    def begin(self, rows: Rows, since: int) -> None:
        """Begins anew."""
        self.since = since if self._rows is None else min(since, self.since)
        self._rows = rows

    def end(self) -> None:
        """Looks no further."""
        self._rows = None

    def next(self, count: int) -> list[tuple[str, UserRow]]:
        """The next rows, from so many steps; a step may meet nobody new."""
        if self._rows is None:
            return []
        met = list(islice(self._rows, count))
        if len(met) < count:
            self._rows = None
        return [(user_id, row) for user_id, row in met if row is not None]
