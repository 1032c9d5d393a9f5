"""Reads whole topics, committed records only, as fast as one consumer goes."""

from collections.abc import AsyncIterator, Callable, Iterable
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

Apply = Callable[[ConsumerRecord], None]

FETCH_BYTES = 8 * 1024 * 1024
POLL_MS = 100


class TopicMissing(RuntimeError):
    """A topic does not exist; `freshet topics create` makes it."""


@asynccontextmanager
async def bulk_consumer(bootstrap: str) -> AsyncIterator[AIOKafkaConsumer]:
    """A started consumer without a group, for whole partitions; assign it and it begins at the start."""
    consumer = AIOKafkaConsumer(
        bootstrap_servers=bootstrap,
        isolation_level="read_committed",
        enable_auto_commit=False,
        auto_offset_reset="earliest",
        max_partition_fetch_bytes=FETCH_BYTES,
        fetch_max_bytes=4 * FETCH_BYTES,
        fetch_max_wait_ms=POLL_MS,
    )
    await consumer.start()
    try:
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
            raise TopicMissing(
                f"topic {topic} does not exist: run `freshet topics create`, or set FRESHET_MODEL_VERSION to a version "
                "that `freshet versions` lists"
            )
        found += [TopicPartition(topic, number) for number in sorted(numbers)]
    return found


async def read_to_end(
    consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition], apply: Apply, newest: int | None = None
) -> int:
    """Applies every record of `partitions` (assigned now) up to the ends seen at the call; returns their number.

    With `newest` only the last so many offsets of each partition are read.

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
    count = 0
    while pending := [tp for tp in assigned if await consumer.position(tp) < ends[tp]]:
        count += await poll(consumer, pending, apply)
    return count


async def poll(consumer: AIOKafkaConsumer, partitions: Iterable[TopicPartition], apply: Apply) -> int:
    """Applies what is there now, waiting up to `POLL_MS`; returns the number of records. No partitions = all."""
    count = 0
    for records in (await consumer.getmany(*partitions, timeout_ms=POLL_MS)).values():
        for record in records:
            apply(record)
        count += len(records)
    return count


async def read_topics(bootstrap: str, topics: Iterable[str], apply: Apply) -> int:
    """Applies every record of `topics`, partition by partition in order, up to their present ends."""
    async with bulk_consumer(bootstrap) as consumer:
        return await read_to_end(consumer, await partitions_of(consumer, topics), apply)
