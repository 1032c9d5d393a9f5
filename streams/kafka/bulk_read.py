"""Reads whole topics, committed records only, as fast as one consumer goes.

A record that cannot be read (`streams.kafka.record_guard`) is an error, because tables must not lack a row. Who reads a
topic that others write to says what else it means.
"""

import asyncio
import logging
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable, Mapping
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka import clients
from streams.kafka.damaged_record import DamagedRecord
from streams.kafka.errors import RecordUnreadable

logger = logging.getLogger(__name__)

Apply = Callable[[ConsumerRecord], None]

FETCH_BYTES = 8 * 1024 * 1024
POLL_MS = 100
TO_MAKE_TOPICS = "run `freshet topics create`, or set FRESHET_MODEL_VERSION to a version that `freshet versions` lists"


class TopicMissing(RuntimeError):
    """A topic does not exist; `freshet topics create` makes it."""


def refuse(record: DamagedRecord) -> None:
    """Raises `RecordUnreadable`."""
    raise RecordUnreadable(f"{_place(record)} cannot be read: {record.reason}: {record.detail}")


def pass_over(record: DamagedRecord) -> None:
    """Goes on without the record, and says so."""
    logger.warning("%s is left out: %s: %s", _place(record), record.reason, record.detail)


def _place(record: ConsumerRecord) -> str:
    return f"{record.topic}:{record.partition}:{record.offset}"


@asynccontextmanager
async def bulk_consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group, for whole partitions; assign it and it begins at the start."""
    consumer = clients.consumer(
        bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=4 * FETCH_BYTES,
        fetch_max_wait_ms=POLL_MS,
    )
    try:
        await consumer.start()  # what did not start has to be stopped, too
        await asyncio.sleep(0)  # its tasks begin: stopped before that, it would end whoever stops it (CancelledError)
        yield consumer
    finally:
        await consumer.stop()


async def partitions_of(consumer: AIOKafkaConsumer, topics: Iterable[str]) -> list[TopicPartition]:
    """All partitions of `topics`. Raises `TopicMissing`."""
    found = []
    for topic in topics:
        # A consumer without a subscription only learns of a topic when told to.
        await consumer._client.add_topic(topic)
        numbers = consumer.partitions_for_topic(topic)
        if not numbers:
            raise TopicMissing(f"topic {topic} does not exist: {TO_MAKE_TOPICS}")
        found += [TopicPartition(topic, number) for number in sorted(numbers)]
    return found


async def read_to_end(
    consumer: AIOKafkaConsumer,
    partitions: Iterable[TopicPartition],
    apply: Apply,
    newest: int | None = None,
    between: Callable[[], Awaitable[None]] | None = None,
    damaged: Callable[[DamagedRecord], None] = refuse,
) -> int:
    """Applies every record of `partitions` (assigned now) up to the ends seen at the call; returns their number.

    With `newest` only the last so many offsets of each partition are read. `between` is awaited after each poll.

    `position()` is compared with the end, because the last record of a transactional log is a marker that is never
    delivered.
    """
    assigned = list(partitions)
    consumer.assign(assigned)
    await consumer.seek_to_beginning(*assigned)
    ends = await consumer.end_offsets(assigned)
    if newest is not None:
        begins = await consumer.beginning_offsets(assigned)
        for tp in assigned:
            consumer.seek(tp, max(begins[tp], ends[tp] - newest))
    return await read_up_to(consumer, ends, apply, between, damaged)


async def read_up_to(
    consumer: AIOKafkaConsumer,
    ends: Mapping[TopicPartition, int],
    apply: Apply,
    between: Callable[[], Awaitable[None]] | None = None,
    damaged: Callable[[DamagedRecord], None] = refuse,
) -> int:
    """Reads the assigned partitions of `ends` on until they have come there; else as `read_to_end`."""
    count = 0
    while pending := [tp for tp, end in ends.items() if await consumer.position(tp) < end]:
        count += await poll(consumer, pending, apply, damaged)
        if between is not None:
            await between()
    return count


async def poll(
    consumer: AIOKafkaConsumer,
    partitions: Iterable[TopicPartition],
    apply: Apply,
    damaged: Callable[[DamagedRecord], None] = refuse,
) -> int:
    """Applies what is there now, waiting up to `POLL_MS`; returns the number of records. No partitions = all. `damaged`
    gets the records whose key or value cannot be read."""
    count = 0
    for records in (await consumer.getmany(*partitions, timeout_ms=POLL_MS)).values():
        for record in records:
            if type(record) is DamagedRecord and not record.is_whole:
                damaged(record)
            else:
                apply(record)
        count += len(records)
    return count


async def read_topics(
    bootstrap: str, topics: Iterable[str], apply: Apply, damaged: Callable[[DamagedRecord], None] = refuse
) -> int:
    """Applies every record of `topics`, partition by partition in order, up to their present ends."""
    async with bulk_consumer(bootstrap) as consumer:
        return await read_to_end(consumer, await partitions_of(consumer, topics), apply, damaged=damaged)
