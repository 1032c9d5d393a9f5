"""How far a consumer has read, for those who tell the lag: offsets of transaction markers are none."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord, TopicPartition


class ReadUpTo(NamedTuple):
    """`position`: everything before it was read, markers too. `records_end`: the offset behind the last record that
    was handed over."""

    position: int
    records_end: int


@dataclass(slots=True)
class ReadProgress:
    """Written by the consumer's thread, read by any other. `polled_s` is when it last asked for records, by a monotonic
    clock."""

    polled_s: float = 0.0
    _read: dict[TopicPartition, ReadUpTo] = field(default_factory=dict)

    def note(self, tp: TopicPartition, position: int, records: Sequence[ConsumerRecord]) -> None:
        """A poll moved a partition to `position` and handed `records` over."""
        before = self._read.get(tp)
        if records:
            self._read[tp] = ReadUpTo(position, records[-1].offset + 1)
        elif before is None:
            self._read[tp] = ReadUpTo(position, 0)
        elif before.position != position:
            self._read[tp] = ReadUpTo(position, before.records_end)

    def lag(self, tp: TopicPartition, folded: int, end: int) -> int:
        """Offsets up to `end` whose records are not folded, with everything before `folded` folded; 0 when no record is
        among them. What is not read yet counts with its markers, for nobody knows which those are.

        >>> reading, tp = ReadProgress(), TopicPartition("t", 0)
        >>> reading.lag(tp, 0, 5)  # nothing was read yet
        5
        >>> reading.note(tp, 10, [ConsumerRecord("t", 0, 8, 0, 0, None, None, None, 0, 0, ())])
        >>> reading.lag(tp, 9, 10), reading.lag(tp, 7, 10), reading.lag(tp, 9, 14)  # offset 9 is a marker
        (0, 2, 4)
        """
        read = self._read.get(tp)
        if read is None or folded > read.position:
            return max(0, end - folded)
        return max(0, end - read.position) + max(0, read.records_end - folded)
