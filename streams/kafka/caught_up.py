"""When a reader is caught up with a log: the one definition that workers, `freshet replay` and the gate share.

A partition is caught up when nothing is left to read of what it held `CAUGHT_UP_MS` ago. Its very end is never reached
while events come in. Silence says nothing: a partition may wait for a slow broker, for others of its process, or for an
archive. Nor does the age of what is read: a log of years may have been written a second ago.

Who was caught up stays so, whatever a stall costs, until a record is met that waited for more than `FALLEN_BEHIND_MS`.
"""

from collections import deque
from collections.abc import Collection, Mapping
from typing import NamedTuple

from aiokafka.structs import TopicPartition

CAUGHT_UP_MS = 5_000
#: Beyond this age of what is being folded nobody would see the lists before they are made again.
FALLEN_BEHIND_MS = 60_000


class _Ends(NamedTuple):
    """Where the partitions ended, at a time of a monotonic clock."""

    at_s: float
    offsets: Mapping[TopicPartition, int]


class LogEnds:
    """Where the partitions of a log ended at the looks of the last `CAUGHT_UP_MS`."""

    def __init__(self) -> None:
        self._ends: deque[_Ends] = deque()  # the oldest first

    def note(self, ends: Mapping[TopicPartition, int], at_s: float) -> None:
        """Takes where the partitions end at a later time; to be called before positions are asked for."""
        self._ends.append(_Ends(at_s, ends))

    def caught_up(
        self, positions: Mapping[TopicPartition, int], exhausted: Collection[TopicPartition], now_s: float
    ) -> set[TopicPartition]:
        """The partitions that are caught up, of those whose positions are given; `exhausted` are those without a record
        left. None at all when the last look is too long ago to say so."""
        while self._ends and now_s - self._ends[0].at_s > CAUGHT_UP_MS / 1000:
            self._ends.popleft()
        if not self._ends:
            return set()
        ends = self._ends[0].offsets
        return {tp for tp, position in positions.items() if position >= ends[tp] or tp in exhausted}
