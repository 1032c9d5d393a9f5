"""Whether an archive and a log of the same topic hold the same records: a log that was cut off has others since."""

from collections.abc import Mapping
from pathlib import Path

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.retention.archive_files import PartitionFiles
from agents.retention.archive_store import ArchiveStore
from agents.retention.record_files import read_records
from streams.kafka.bulk_read import POLL_MS


async def differing_offsets(
    consumer: AIOKafkaConsumer,
    store: ArchiveStore,
    chains: Mapping[TopicPartition, PartitionFiles],
    begins: Mapping[TopicPartition, int],
    scratch: Path,
) -> dict[TopicPartition, int]:
    """Partitions whose log holds another record than the archive at the last archived offset, or none, and that offset.

    Compares when the two were appended: the archive may have blanked the rest. Partitions of which the log begins
    later are left out. Raises `StorageError`.
    """
    found = {}
    for source, files in chains.items():
        kept = _last(store, files, source, scratch)
        if kept is None or kept.offset < begins[source]:
            continue
        logged = await _record_at(consumer, source, kept.offset, files.end)
        if logged is None or logged.timestamp != kept.timestamp:
            found[source] = kept.offset
    return found


def _last(store: ArchiveStore, files: PartitionFiles, source: TopicPartition, scratch: Path) -> ConsumerRecord | None:
    local = scratch / "last"
    for file in reversed(files.chain):  # a day may hold nothing but markers
        store.fetch(file, local)
        groups = [group[-1].record for group in read_records(local, source.topic, source.partition) if group]
        if groups:
            return groups[-1]
    return None


async def _record_at(
    consumer: AIOKafkaConsumer, source: TopicPartition, offset: int, end: int
) -> ConsumerRecord | None:
    """The record at an offset; None when the log has none there."""
    consumer.assign([source])
    consumer.seek(source, offset)
    while await consumer.position(source) < end:
        for records in (await consumer.getmany(timeout_ms=POLL_MS)).values():
            if records:
                return records[0] if records[0].offset == offset else None
    return None
