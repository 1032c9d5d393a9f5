"""When more comes in than lists can be made for: events are folded all the same, and lists are made of what is newest.

A partition is overloaded from a batch on whose newest event had waited for longer than the bound, until one had waited
for less than half of it, or none came for a while. Meanwhile its users queue for their lists, the longest waiting first;
whoever is in the queue keeps the place when more of theirs is folded, and one list then shows all of it. For every so
many events a list is made, so everybody's turn comes. What can wait or be left out is (decision 35).
"""

#: Events that are folded for each list that is made: a list costs several times what folding an event does.
EVENTS_PER_LIST = 10
#: An overloaded partition that folds nothing for so long is not: its backlog is folded, or an operator stopped it.
QUIET_MS = 1_000


class Overload:
    """Of one partition. `after_ms` is how long events may wait; 0 = for ever."""

    def __init__(self, after_ms: int) -> None:
        self._after_ms = after_ms
        self._is_on = False
        self._folded_ms = 0
        self.began = 0
        """How often it began."""

    def folded(self, waited_ms: int, now_ms: int) -> None:
        """A batch was folded; its newest event had waited for so long since it was appended."""
        was_on = self.is_on(now_ms)
        self._is_on = bool(self._after_ms) and waited_ms > (self._after_ms // 2 if was_on else self._after_ms)
        self.began += self._is_on and not was_on
        self._folded_ms = now_ms

    def is_on(self, now_ms: int) -> bool:
        """As of the last batch; a clock that was set back ends it."""
        return self._is_on and 0 <= now_ms - self._folded_ms < QUIET_MS
