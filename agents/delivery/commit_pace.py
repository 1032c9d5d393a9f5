"""When a partition that folds all the time commits: a transaction costs the same whatever is in it.

A partition that was quiet commits at once, so that nobody waits for a single event. One that is busy gathers what it
folds for `interval_s`, or until it is `max_records`. What is gathered is folded again after a crash, from the same log
to the same rows; lists do not wait for it (decision 33).
"""

import math
from collections.abc import Callable


class CommitPace:
    """Of one partition; `now_s` is any clock. An interval of 0 commits whenever it is asked."""

    def __init__(self, interval_s: float, max_records: int, now_s: Callable[[], float]) -> None:
        self._interval_s = interval_s
        self._max_records = max_records
        self._now_s = now_s
        self._committed_s = -math.inf
        self._records = 0

    def folded(self) -> None:
        """One more record is to be committed."""
        self._records += 1

    def is_due(self) -> bool:
        """Whether it is time; always when no record waits, for then something else is to be said."""
        passed_s = self._now_s() - self._committed_s
        return not 0 < self._records < self._max_records or passed_s >= self._interval_s

    def committed(self) -> None:
        """All that was folded is in a transaction, or is not to be in any."""
        self._committed_s, self._records = self._now_s(), 0


def at_once() -> CommitPace:
    """Of whoever commits whenever it is asked."""
    return CommitPace(0.0, 1, lambda: 0.0)
