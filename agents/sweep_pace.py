"""How a sweep over the rows of a partition spreads its work."""

from collections.abc import Iterator
from dataclasses import dataclass

from tables.user_row import UserRow


@dataclass(frozen=True, slots=True)
class Pace:
    """How a sweep spreads its work over ticks."""

    lists_per_tick: int = 200
    rows_per_tick: int = 2_000
    renewals_per_tick: int = 20
    marker_check_ms: int = 1_000
    retry_ms: int = 500
    renew_at: float = 0.8  # share of a list's life after which it is rewritten


@dataclass(slots=True)
class Census:
    """A walk over all rows; lists of rows whose last event is at `since` or later are owed. None = a step that met
    nobody new."""

    rows: Iterator[tuple[str, UserRow | None]]
    since: int
