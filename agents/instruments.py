"""What a worker measures of itself beyond its counters: plain objects, shared by the partitions of a process."""

from collections import Counter
from dataclasses import dataclass, field
from enum import StrEnum

from streams.metrics import DURATION_BOUNDS_S, FRESHNESS_BOUNDS_S, RESTORE_BOUNDS_S, Distribution


class ListCause(StrEnum):
    """Why a list was written."""

    EVENT = "event"
    MISSED = "missed"
    """A reader found none."""
    READER = "reader"
    """Somebody who had no list kept came back."""
    PROFILE = "profile"
    """What the user may see is another."""
    GUEST = "guest"
    """A guest of the user did something, or was linked."""
    CATALOGUE = "catalogue"
    EXPERIMENT = "experiment"
    RULE = "rule"
    """An operator's pin, boost or bury begins or ends to hold, or a block ends."""
    LEARNED = "learned"
    """Items know much more than when it was made."""
    LOST = "lost"
    """Redis lost a key of it."""
    RETRIED = "retried"
    """It could not be made before."""
    AGE = "age"
    RESTORED = "restored"
    """A new owner, a wiped or a failed-over Redis: it may not be there."""
    REFUSED = "refused"
    """Redis held a later one."""


def _durations() -> Distribution:
    return Distribution(DURATION_BOUNDS_S)


@dataclass(slots=True)
class PlaneTimes:
    """Of all partitions of one input: seconds of a batch from its first fold to the lists that follow from it, of a
    transaction, and since the records that are folded were appended. `former` is what the steps counted of partitions
    that were given away."""

    batch: Distribution = field(default_factory=_durations)
    transaction: Distribution = field(default_factory=_durations)
    folded: Distribution = field(default_factory=lambda: Distribution(FRESHNESS_BOUNDS_S))
    former: Counter[str] = field(default_factory=Counter)


@dataclass(slots=True)
class ListTimes:
    """`stages` are seconds spent on lists, by stage; `written` counts lists that Redis took, by cause; `readable` are
    seconds from an append to the list that shows it."""

    stages: dict[str, float] = field(default_factory=lambda: dict.fromkeys(("decide", "rank", "encode", "write"), 0.0))
    written: Counter[ListCause] = field(default_factory=Counter)
    readable: Distribution = field(default_factory=lambda: Distribution(FRESHNESS_BOUNDS_S))


@dataclass(slots=True)
class RestoreTimes:
    """Seconds of taking partitions over: fence, restore, claim. By a monotonic clock `since_s` is when the one at work
    began, None = none is, and `ended_s` when the last one ended."""

    taken: Distribution = field(default_factory=lambda: Distribution(RESTORE_BOUNDS_S))
    since_s: float | None = None
    ended_s: float = 0.0
