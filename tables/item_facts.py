"""Figures about items for people and programs to read: watches, unique viewers, average completion and rating."""

from dataclasses import dataclass

from tables.item_rows import CountsRow


@dataclass(frozen=True, slots=True)
class Facts:
    """`events` counted positive events, `watches` watches begun, `viewers` different users of those (again after
    the retention), `average_completion_pct` 0..100 of ended watches, `average_rating` 0.5..5; None = none yet."""

    events: int
    watches: int
    viewers: int
    average_completion_pct: float | None
    average_rating: float | None


class ItemFacts:
    """Facts by item index; rows are decoded when asked for."""

    def __init__(self) -> None:
        self._counts: dict[int, CountsRow] = {}

    def put_counts(self, index: int, row: CountsRow) -> None:
        """Take over an item's counts."""
        self._counts[index] = row

    def of(self, index: int) -> Facts:
        """The facts of one item."""
        return facts_of(self._counts.get(index))


def facts_of(counts: CountsRow | None) -> Facts:
    """The facts in an item's counts; None = no such row."""
    row = counts or CountsRow()
    return Facts(
        row.events,
        row.watches,
        row.viewers,
        row.completion_sum / row.completions / 10 if row.completions else None,
        row.rating_sum / row.ratings / 100 if row.ratings else None,
    )
