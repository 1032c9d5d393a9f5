"""What folding one event into the user plane is told, and what it answers."""

from dataclasses import dataclass, field
from enum import Enum

import msgspec

from streams.contract.units import DAY_MS
from tables.cleaning import CleaningLimits, ExclusionReason
from tables.signal import Signal


class FoldKind(Enum):
    """What became of an event."""

    FOLDED = "folded"
    DUPLICATE = "duplicate"
    REDELIVERED = "redelivered"
    ERASED = "erased"


class Fold(msgspec.Struct, frozen=True, gc=False):
    """The outcome of one event; `signal` is set for folded events that the item plane counts, `held_back` for those
    that the model must not learn from. Folded events may be `late`: older than the watermark."""

    kind: FoldKind
    user_id: str
    signal: Signal | None = None
    held_back: ExclusionReason | None = None
    late: bool = False


@dataclass(frozen=True, slots=True)
class FoldLimits:
    """Settings of the fold; the same for every worker of a model version, because they shape the rows.

    `cached_users` only bounds memory and shapes nothing.
    """

    allowed_lateness_ms: int = 5 * 60_000
    retention_ms: int = 90 * DAY_MS
    history: int = 100
    cached_users: int = 10_000
    cleaning: CleaningLimits = field(default_factory=CleaningLimits)
