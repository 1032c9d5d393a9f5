"""Figures about items for people and programs to read: watches, unique viewers, average completion and rating."""

from dataclasses import dataclass

from tables import unique_viewers
from tables.item_rows import CountsRow
from tables.unique_viewers import UniqueViewers


@dataclass(frozen=True, slots=True)
class Facts:
    """`events` counted positive events, `watches` watches begun, `viewers` different users (exact up to 128, then
    within 3.3 %), `average_completion_pct` 0..100 of ended watches, `average_rating` 0.5..5; None = none yet."""

    events: int
    watches: int
    viewers: int
    average_completion_pct: float | None
    average_rating: float | None


class ItemFacts:
    """Facts by item index; rows are decoded when asked for."""

    def __init__(self) -> None:
        self._counts: dict[int, CountsRow] = {}
        self._viewers: dict[int, bytes] = {}

    def put_counts(self, index: int, row: CountsRow) -> None:
        """Take over an item's counts."""
        self._counts[index] = row

    def put_viewers(self, index: int, value: bytes | None) -> None:
        """Take over an item's viewers row, None = none."""
        self._viewers.pop(index, None)
        if value is not None:
            self._viewers[index] = value

    def of(self, index: int) -> Facts:
        """The facts of one item. Raises RowVersionError when its viewers were written by newer code."""
        return facts_of(self._counts.get(index), self._viewers.get(index))


def facts_of(counts: CountsRow | None, viewers: bytes | None) -> Facts:
    """The facts in an item's rows, the viewers' still encoded; None = no such row. Raises RowVersionError."""
    row = counts or CountsRow()
    people = 0 if viewers is None else UniqueViewers.from_row(unique_viewers.CODEC.decode(viewers)).count()
    return Facts(
        row.events,
        row.watches,
        people,
        row.completion_sum / row.completions / 10 if row.completions else None,
        row.rating_sum / row.ratings / 100 if row.ratings else None,
    )
