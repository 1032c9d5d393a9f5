"""A batch's signals as records of `item.deltas`, none larger than a broker takes.

How much a batch says grows with the ids in it: 5,000 events over a large catalogue make a record of more than a
megabyte, which brokers refuse. Such a batch is told in several records to the same partitions. To the item plane that
is the same as smaller batches, under which its counts are the same bytes.
"""

from collections.abc import Sequence
from typing import Final, NamedTuple

from tables.item_deltas import encode, route, tell_time
from tables.signal import Signal

#: A quarter of what brokers take by default; the signal that says most, with 30 items of the longest ids, has 16 KB.
MAX_RECORD_BYTES: Final = 256 * 1024


class DeltaRecord(NamedTuple):
    """`value` for the partition `target` of the item plane."""

    target: int
    value: bytes


def records_of(
    signals: Sequence[Signal],
    partitions: int,
    source_partition: int,
    tell_ms: int | None = None,
    max_bytes: int = MAX_RECORD_BYTES,
) -> list[DeltaRecord]:
    """The records of each partition in the order of the signals, of at most `max_bytes` where they can be divided.

    With `tell_ms` every partition is told that watermark, after everything else.
    """
    records = _records(signals, partitions, source_partition, tell_ms)
    if len(signals) < 2 or all(len(value) <= max_bytes for _, value in records):
        return records
    middle = len(signals) // 2
    first = records_of(signals[:middle], partitions, source_partition, None, max_bytes)
    return first + records_of(signals[middle:], partitions, source_partition, tell_ms, max_bytes)


def _records(
    signals: Sequence[Signal], partitions: int, source_partition: int, tell_ms: int | None
) -> list[DeltaRecord]:
    targets = route(signals, partitions)
    if tell_ms is not None:
        tell_time(targets, partitions, tell_ms)
    return [
        DeltaRecord(target, encode(entries, source_partition, entries.watermark_ms))
        for target, entries in targets.items()
    ]
