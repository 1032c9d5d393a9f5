"""What a sink reads of a log besides what comes next: all before a position, one record, when one was appended."""

from __future__ import annotations

from collections.abc import Callable
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.bulk_read import POLL_MS

#: How many offsets before a position are looked through for a record; some hold what ends transactions, or nothing.
_LOOK_BACK = 1_000


async def read_between(
    reader: AIOKafkaConsumer,
    partitions: list[TopicPartition],
    apply: Callable[[ConsumerRecord], Any],
    *,
    starts: dict[TopicPartition, int] | None = None,
    ends: dict[TopicPartition, int] | None = None,
) -> None:
    """Applies the records of partitions from `starts` (else the begin) to `ends` (else their present ends)."""
    if not partitions:
        return
    reader.assign(partitions)
    await reader.seek_to_beginning(*partitions)
    begins = await reader.beginning_offsets(partitions)
    for tp, start in (starts or {}).items():
        reader.seek(tp, max(start, begins[tp]))
    to = {**await reader.end_offsets(partitions), **(ends or {})}
    while pending := [tp for tp in partitions if await reader.position(tp) < to[tp]]:
        for tp, records in (await reader.getmany(*pending, timeout_ms=POLL_MS)).items():
            for record in records:
                if record.offset < to[tp]:
                    apply(record)


async def record_at(reader: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> ConsumerRecord | None:
    """None when it was removed from the log."""
    found = await _first_from(reader, tp, offset)
    return found if found is not None and found.offset == offset else None


async def appended_from_ms(reader: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> int | None:
    """No record from `offset` on was appended, or will be, before this time: that of the first one, or while there is
    none of the last one before it. None when the log holds neither. No clock is asked, so whoever reads from an offset
    finds the same, or an earlier time."""
    if (found := await _first_from(reader, tp, offset)) is not None:
        return int(found.timestamp)
    before: list[ConsumerRecord] = []
    await read_between(reader, [tp], before.append, starts={tp: offset - _LOOK_BACK}, ends={tp: offset})
    return int(before[-1].timestamp) if before else None


async def _first_from(reader: AIOKafkaConsumer, tp: TopicPartition, offset: int) -> ConsumerRecord | None:
    reader.assign([tp])
    reader.seek(tp, offset)
    end = (await reader.end_offsets([tp]))[tp]
    while await reader.position(tp) < end:
        for record in (await reader.getmany(tp, timeout_ms=POLL_MS, max_records=1)).get(tp, []):
            return record
    return None
