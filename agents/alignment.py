"""Keeps the partitions of a replay together in event time: one that is far ahead waits for the slowest.

A record's time is min(event time, append time). The time of a partition is the highest that it folded, or that of the
next record when it waits with it. A record is folded only while it is not more than the allowed skew ahead of the time
of every other partition that has records left. So what items learn, from all partitions, knows no more of the future of
any of them than that. The partition whose next record is the oldest never waits, whatever gaps the log has.

Times count as of the last commit. Those of partitions that other workers own are read from the offsets that the group
committed: Kafka keeps a note with each. They only grow, so old knowledge holds back too early and never too late.

Not bounded: a version that serves anybody, or whose partitions have all come to their ends, waits for nobody; a
partition that an operator paused holds nobody back. Late events, which are behind their own partition's time, wait for
nobody either.
"""

from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from math import inf

from aiokafka.structs import ConsumerRecord

from agents.retention.blanking import BlankedRecord
from streams.events import InvalidEvent, parse_interaction
from streams.partition_times import PartitionTime, note_of

#: Records whose time decides for those before them. In between an event that is ahead of its neighbours may pass.
STRIDE = 16


def time_of(record: ConsumerRecord) -> int:
    """The event time of a record, ms, at most its append time; 0 for one that becomes a dead letter."""
    if isinstance(record, BlankedRecord):
        return min(record.event_ms or 0, int(record.timestamp))
    try:
        event = parse_interaction(record.value, record.timestamp)
    except InvalidEvent:
        return 0
    return min(event.timestamp_ms, int(record.timestamp))


@dataclass(frozen=True, slots=True)
class Elsewhere:
    """What the group's offsets say: the time of each partition, and the partitions without a record left."""

    times: Mapping[int, PartitionTime]
    done: Collection[int]


class Alignment:
    """The partitions of interactions of one version, seen from one worker.

    `own` gives the times of this worker's partitions, as of their last commits: what is folded and not committed may
    have to be folded again, when others are far ahead of it. `paused` are the partitions that an operator stopped.
    """

    def __init__(
        self,
        partitions: int,
        max_skew_ms: int,
        own: Callable[[], Mapping[int, PartitionTime]],
        paused: Callable[[], Collection[int]] = frozenset,
    ) -> None:
        self._partitions = range(partitions)
        self._max_skew_ms = max_skew_ms
        self._own = own
        self._paused = paused
        self._next_ms: dict[int, int] = {}
        self._elsewhere = Elsewhere({}, ())
        #: Partitions that wait now; replaced as a whole, so that any thread may read it.
        self.held: frozenset[int] = frozenset()

    def learn(self, elsewhere: Elsewhere) -> None:
        """Takes what was read of the group's offsets."""
        self._elsewhere = elsewhere

    def time(self, partition: int, folded_ms: int) -> PartitionTime:
        """The time of a partition of this worker that has folded so much, which its next commit is to tell."""
        return PartitionTime(folded_ms, self._next_ms.get(partition, 0))

    def limit_ms(self, partition: int) -> float:
        """The time up to which a partition may be folded now."""
        return self._slowest_ms({partition}) + self._max_skew_ms

    @property
    def slowest_ms(self) -> float:
        """The time of the slowest partition with records left; infinite when there is none."""
        return self._slowest_ms(set())

    def _slowest_ms(self, but: set[int]) -> float:
        excused, times = but.union(self._elsewhere.done, self._paused()), {**self._elsewhere.times, **self._own()}
        unknown = PartitionTime()
        return min((times.get(number, unknown).ms for number in self._partitions if number not in excused), default=inf)

    def allowed(self, partition: int, records: Sequence[ConsumerRecord]) -> int:
        """How many of the next records of a partition may be folded now."""
        limit_ms = self.limit_ms(partition)
        count = len(records) if limit_ms == inf else _before(records, limit_ms)
        if count == len(records):
            self.release(partition)
        else:
            self._next_ms[partition] = time_of(records[count])
            self.held |= {partition}
        return count

    def release(self, partition: int) -> None:
        """The partition waits for nobody."""
        self._next_ms.pop(partition, None)
        if partition in self.held:
            self.held -= {partition}


def _before(records: Sequence[ConsumerRecord], limit_ms: float) -> int:
    if records[-1].timestamp <= limit_ms:  # append times never go back, and no record's time is later
        return len(records)
    for start in range(0, len(records), STRIDE):
        block = records[start : start + STRIDE]
        if time_of(block[-1]) > limit_ms:
            return start + next(place for place, record in enumerate(block) if time_of(record) > limit_ms)
    return len(records)


class Turn:
    """One partition's place among the others: says how much of what came may be folded.

    It waits only while they are `apart`. `folded_ms` is the highest time that the partition folded.
    """

    def __init__(
        self, alignment: Alignment, partition: int, apart: Callable[[], bool], folded_ms: Callable[[], int]
    ) -> None:
        self._alignment = alignment
        self._partition = partition
        self._apart = apart
        self._folded_ms = folded_ms

    def allowed(self, records: Sequence[ConsumerRecord]) -> int:
        """How many of the next records may be folded now; 0 = none, ask again."""
        if self._apart():
            return self._alignment.allowed(self._partition, records)
        self._alignment.release(self._partition)
        return len(records)

    def note(self) -> str:
        """The partition's time, for the workers that own the others."""
        return note_of(self._alignment.time(self._partition, self._folded_ms()))

    def end(self) -> None:
        """The partition is given away."""
        self._alignment.release(self._partition)
