"""Finds what a topic holds of one user: the records that count now, and those that only wait for compaction."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.bulk_read import bulk_consumer, partitions_of, pass_over, read_to_end

Names = Callable[[ConsumerRecord], bool]


@dataclass
class RecordsOfUser:
    """`live`: records that name the user and are the last of their keys, by (partition, key). `superseded`: how many
    more name the user and are gone once the broker has compacted the topic."""

    live: dict[tuple[int, bytes], ConsumerRecord] = field(default_factory=dict)
    superseded: int = 0


async def find(bootstrap: str, topic: str, names: Names, partition: int | None = None) -> RecordsOfUser:
    """Reads one partition of `topic`, or all, from the beginning. `names` says whether a record names the user.

    Raises:
        TopicMissing: the topic does not exist.
    """
    found = RecordsOfUser()

    def apply(record: ConsumerRecord) -> None:
        place = (record.partition, record.key)
        if found.live.pop(place, None) is not None:
            found.superseded += 1
        if record.value is not None and names(record):
            found.live[place] = record

    async with bulk_consumer(bootstrap) as consumer:
        everywhere = await partitions_of(consumer, [topic])
        wanted = [tp for tp in everywhere if partition is None or tp.partition == partition]
        await read_to_end(consumer, wanted, apply, damaged=pass_over)
    return found


async def versions(consumer: AIOKafkaConsumer, changelog_prefix: str) -> list[str]:
    """The model versions that have user rows, by their changelogs `{changelog_prefix}{version}`."""
    names: Iterable[str] = await consumer.topics()
    return sorted(name.removeprefix(changelog_prefix) for name in names if name.startswith(changelog_prefix))


async def partition_count(consumer: AIOKafkaConsumer, topic: str) -> int:
    """How many partitions a topic really has, whatever the settings say. Raises `TopicMissing`."""
    return len(await partitions_of(consumer, [topic]))


async def end_offset(consumer: AIOKafkaConsumer, topic: str, partition: int) -> int:
    """The end of the log, records of open transactions included when `consumer` reads uncommitted."""
    tp = TopicPartition(topic, partition)
    ends: dict[TopicPartition, int] = await consumer.end_offsets([tp])
    return ends[tp]
