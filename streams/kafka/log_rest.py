"""What is left of a log behind an offset: records, or only markers and aborted records, which nobody commits."""

from collections.abc import Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import TopicPartition

from streams.kafka.bulk_read import POLL_MS


async def with_records(
    reader: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    """Those of the partitions that hold a record from the offset to the end. Only reading tells."""
    reader.assign(list(offsets))
    for tp, offset in offsets.items():
        reader.seek(tp, offset)
    found: set[TopicPartition] = set()
    while pending := [tp for tp in offsets if tp not in found and await reader.position(tp) < ends[tp]]:
        found |= set(await reader.getmany(*pending, timeout_ms=POLL_MS, max_records=1))
    return found
