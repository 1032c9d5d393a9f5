"""How old the oldest record is that a reader has not come to yet."""

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.kafka.bulk_read import POLL_MS, bulk_consumer, partitions_of


async def oldest_waiting_ms(
    bootstrap: str, topic: str, positions: Mapping[int, int | None], now_ms: int
) -> dict[int, int | None]:
    """Age in ms by partition of the first committed record at or behind each position, 0 when there is none.

    A partition without a position (None) has age 0 while it holds no record, else None. Raises `TopicMissing`.
    """
    ages: dict[int, int | None] = {}
    async with bulk_consumer(bootstrap) as consumer:
        for tp in await partitions_of(consumer, [topic]):
            position = positions.get(tp.partition)
            found = await _first_ms(consumer, tp, position)
            if found is None:
                ages[tp.partition] = 0
            else:
                ages[tp.partition] = None if position is None else max(0, now_ms - found)
    return ages


async def _first_ms(consumer: AIOKafkaConsumer, tp: TopicPartition, position: int | None) -> int | None:
    """The time of the first record at or behind `position`; None = from the beginning, and none there."""
    consumer.assign([tp])
    if position is None:
        await consumer.seek_to_beginning(tp)
    else:
        consumer.seek(tp, position)
    end = (await consumer.end_offsets([tp]))[tp]
    while await consumer.position(tp) < end:
        records = (await consumer.getmany(tp, timeout_ms=POLL_MS, max_records=1)).get(tp)
        if records:
            time_ms: int = records[0].timestamp
            return time_ms
    return None
