"""When more comes in than lists can be made for: events are folded all the same, and lists are made of what is newest.

A partition is overloaded from a batch on whose newest event had waited for longer than the bound, until one had waited
for less than half of it, or nothing waits any more for a while, however long a batch takes. Meanwhile its users queue
for their lists, the longest waiting first; whoever is in the queue keeps the place when more of theirs is folded, and
one list then shows all of it. For every so many events a list is made, so everybody's turn comes. What can wait does,
and what can be left out is, unless the owner has not caught up since it began: a first load is evaluated and learned
from (decision 35).
"""

#: Events that are folded for each list that is made: a list costs several times what folding an event does.
EVENTS_PER_LIST = 10
#: The same until an owner has caught up once: of what a log was loaded with, or of what waited while nobody owned the
#: partition, only the last list of each user is worth anything, and it comes the sooner the fewer are made before.
EVENTS_PER_LIST_AT_FIRST = 50
#: An overloaded partition for which nothing waits for so long is not: its backlog is folded, or an operator stopped it.
QUIET_MS = 1_000


class Overload:
    """Of one partition. `after_ms` is how long events may wait; 0 = for ever. `began` counts how often it began."""

    def __init__(self, after_ms: int) -> None:
        self._after_ms = after_ms
        self._quiet_ms: int | None = None  # since when nothing waits
        self._reached: int | None = None  # offset before which events were folded
        self._events = 0
        self._caught_up = False
        self.began = 0
        self.is_on = False
        """Whether it is, as of the last batch or tick."""

    def folded(self, waited_ms: int, next_offset: int) -> None:
        """Events before an offset were folded; the newest had waited for so long since it was appended."""
        was_on = self.is_on
        self.is_on = bool(self._after_ms) and waited_ms > (self._after_ms // 2 if was_on else self._after_ms)
        self.began += self.is_on and not was_on
        self._caught_up |= not self.is_on
        self._events = 0 if self._reached is None else next_offset - self._reached
        self._quiet_ms, self._reached = None, next_offset

    def ticked(self, now_ms: int, *, waits: bool) -> None:
        """Time passed; `waits`: records have come that are not folded yet. A clock that was set back ends it."""
        if waits:
            self._quiet_ms = None
        elif self._quiet_ms is None:
            self._quiet_ms = now_ms
        elif not 0 <= now_ms - self._quiet_ms < QUIET_MS:
            self.is_on = False

    @property
    def leaves_out(self) -> bool:
        """Whether events are folded without being looked at."""
        return self.is_on and self._caught_up

    @property
    def lists_a_batch(self) -> int:
        """How many lists may be made beside the last batch; 1 or more, so that everybody's turn comes."""
        return max(1, self._events // (EVENTS_PER_LIST if self._caught_up else EVENTS_PER_LIST_AT_FIRST))
