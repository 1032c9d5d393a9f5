"""Watermark alignment: how many of the next records of a partition may be folded, so that it does not get ahead. Pure.

A record's time is min(event time, append time). The time of a partition is the highest that it folded, or that of the
next record when it waits with it. A record is folded only while it is not more than the allowed skew ahead of the time
of every other partition that has records left. So what items learn, from all partitions, knows no more of the future of
any of them than that. The partition whose next record is the oldest never waits, whatever gaps the log has.

Times count as of the last commit: what is folded and not committed may have to be folded again. Those of partitions
that other workers own are read from the offsets that the group committed: Kafka keeps a note with each. They only grow,
so old knowledge holds back too early and never too late. Late events, which are behind their own partition's time, wait
for nobody.
"""

from collections.abc import Sequence

from aiokafka.structs import ConsumerRecord

from agents.retention.blanking import BlankedRecord
from streams.contract.events import InvalidEvent, parse_interaction
from streams.kafka.damaged_record import refusal_of

#: Records whose time decides for those before them. In between an event that is ahead of its neighbours may pass.
STRIDE = 16


def time_of(record: ConsumerRecord) -> int:
    """The event time of a record, ms, at most its append time; 0 for one that becomes a dead letter."""
    if isinstance(record, BlankedRecord):
        return min(record.event_ms or 0, int(record.timestamp))
    if refusal_of(record) is not None:
        return 0
    try:
        event = parse_interaction(record.value, record.timestamp)
    except InvalidEvent:
        return 0
    return min(event.timestamp_ms, int(record.timestamp))


def count_until(records: Sequence[ConsumerRecord], limit_ms: float) -> int:
    """How many of the records, at least one, come before the first whose time is beyond the limit."""
    if records[-1].timestamp <= limit_ms:  # append times never go back, and no record's time is later
        return len(records)
    for start in range(0, len(records), STRIDE):
        block = records[start : start + STRIDE]
        if time_of(block[-1]) > limit_ms:
            return start + next(place for place, record in enumerate(block) if time_of(record) > limit_ms)
    return len(records)
