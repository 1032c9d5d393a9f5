"""A run of consecutive records of one partition, with enough position to prove that none was dropped on the way."""

from collections.abc import Sequence
from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from streams.kafka.log_position import NO_EPOCH


@dataclass(frozen=True, slots=True)
class RecordBatch:
    """Records of one partition in offset order; without any it says that the log holds none up to `next_offset`.

    `generation` is the consumer group generation they were fetched in. `follows` is the position right after the
    records that were fetched before these ones in this generation, or where the owner asked to begin. `next_offset` is
    the position after these records; it also skips transaction markers, so it can exceed the last record's offset by
    more than one. `leader_epoch` is that of the leader that appended the last of those that were fetched together.
    """

    records: Sequence[ConsumerRecord]
    generation: int
    follows: int
    next_offset: int
    leader_epoch: int = NO_EPOCH


def split(batch: RecordBatch, max_records: int) -> list[RecordBatch]:
    """Cuts a batch into consecutive ones of at most `max_records` records."""
    if not batch.records:
        return [batch]
    records, follows, parts = batch.records, batch.follows, []
    for start in range(0, len(records), max_records):
        part = records[start : start + max_records]
        is_last = start + max_records >= len(records)
        next_offset = batch.next_offset if is_last else part[-1].offset + 1
        parts.append(RecordBatch(part, batch.generation, follows, next_offset, batch.leader_epoch))
        follows = next_offset
    return parts
