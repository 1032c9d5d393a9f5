"""Who owns a partition, by the log: whoever began the last term in its changelog."""

import asyncio

from aiokafka.errors import KafkaError
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.table import POSITION_KEY, ChangelogTable
from streams.kafka.bulk_read import bulk_consumer, read_to_end

#: Every transaction ends with a position: so many last offsets hold one.
LAST_OFFSETS = 20_000
TIMEOUT_S = 5.0


async def last_term(bootstrap: str, table: ChangelogTable) -> int | None:
    """The last committed term of a partition's changelog; None when the brokers do not tell in time."""
    probe = ChangelogTable(table.topic, table.partition)

    def apply(record: ConsumerRecord) -> None:
        if record.key == POSITION_KEY:
            probe.load(record.key, record.value)

    try:
        async with asyncio.timeout(TIMEOUT_S), bulk_consumer(bootstrap) as consumer:
            await read_to_end(consumer, [TopicPartition(table.topic, table.partition)], apply, LAST_OFFSETS)
    except (TimeoutError, KafkaError):
        return None
    return probe.owner.term
