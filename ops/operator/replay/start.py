"""Prepares a new version for its workers: topics, its record in the registry, and where it begins to read."""

import asyncio
import time
from dataclasses import dataclass
from datetime import datetime

import msgspec
from aiokafka.structs import TopicPartition

from agents.delivery.log_mark import LogMark
from agents.delivery.producer import PartitionProducer
from agents.delivery.table import ChangelogTable
from agents.versions.registry import change_registry, read_registry
from ops.configuration.settings import Settings
from ops.exit_codes import CommandFailed, ExitCode
from ops.group_progress import GroupProgress
from ops.operator.inspect.finding import partition_count
from ops.operator.snapshots.kept_state import StartingState
from ops.operator.snapshots.log_identity import topic_id
from ops.operator_name import operator_name
from serving.registry import Registry, VersionRecord, VersionState
from streams.kafka.bulk_read import bulk_consumer
from streams.kafka.exclusive_change import Change
from streams.kafka.log_position import LogPosition
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

EARLIEST = "earliest"
_TOPICS_TIMEOUT_S = 60.0


class CannotReplay(CommandFailed):
    """The version is none that can be built."""

    code = ExitCode.USAGE


def parse_from(text: str) -> int | None:
    """When to begin: None for "earliest", else ms since the epoch, from ms or RFC 3339. Raises `CannotReplay`.

    >>> parse_from("earliest"), parse_from("1767225600000"), parse_from("2026-01-01T00:00:00Z")
    (None, 1767225600000, 1767225600000)
    """
    if text == EARLIEST:
        return None
    if text.isdecimal():
        return int(text)
    try:
        return int(datetime.fromisoformat(text).timestamp() * 1000)
    except ValueError:
        raise CannotReplay(f"--from {text!r} is none of: earliest, ms since the epoch, RFC 3339") from None


@dataclass(frozen=True, slots=True)
class Beginning:
    """What a version begins with: the log from `reads_from` (see `parse_from`), or the tables of the snapshot named
    `snapshot` and the log after it. With `archive` the archive is read where the log does not reach. `inexact` takes a
    snapshot's rows although other folds or settings made them."""

    reads_from: str = EARLIEST
    snapshot: str = ""
    archive: bool = False
    inexact: bool = False

    def is_of(self, record: VersionRecord) -> bool:
        """Whether a version that is known was begun like this."""
        return (record.reads_from, record.snapshot, record.archive) == (self.reads_from, self.snapshot, self.archive)


async def prepare(settings: Settings, topics: Topics, beginning: Beginning) -> None:
    """Makes the version of `topics` ready to be read into; changes nothing when it was begun before.

    Raises `CannotReplay`, `NoSnapshot`, `StorageError`, `TopicMissing` and `KafkaError`.
    """
    begin_ms = parse_from(beginning.reads_from)
    if begin_ms is not None and (beginning.snapshot or beginning.archive):
        raise CannotReplay("--from begins in the log; a snapshot or an archive begins where it does")
    bootstrap = settings.kafka
    async with bulk_consumer(bootstrap) as consumer:
        partitions = await partition_count(consumer, topics.interactions)
    if partitions != settings.partitions:
        raise CannotReplay(f"{topics.interactions} has {partitions} partitions, FRESHET_PARTITIONS is not that")
    known = _known(await read_registry(bootstrap, topics), topics.version, beginning)
    kept = StartingState(settings, topics)
    if beginning.archive and known is None:
        await kept.check_archive()
    manifest = None
    if beginning.snapshot and (known is None or not known.filled):
        manifest = await kept.checked_snapshot(beginning.snapshot, archive=beginning.archive, inexact=beginning.inexact)
    await change_registry(bootstrap, topics, lambda found: _record(found, topics.version, beginning))
    await asyncio.to_thread(
        ensure_topics,
        bootstrap,
        topics,
        partitions,
        settings.replication,
        timeout_s=_TOPICS_TIMEOUT_S,
        retention_days=settings.retention_days,
    )
    if begin_ms is not None:
        await _begin_at(bootstrap, topics, begin_ms)
    if manifest is not None:
        await kept.restore(manifest)
        await change_registry(bootstrap, topics, lambda found: _filled(found, topics.version))


def _known(registry: Registry, version: str, beginning: Beginning) -> VersionRecord | None:
    state, known = registry.state_of(version), registry.records.get(version)
    if state is VersionState.RETIRED:
        raise CannotReplay(f"{version} was retired; choose another name")
    if state is VersionState.LIVE:
        raise CannotReplay(f"{version} is live; a replay makes a new version beside it")
    if known is not None and not beginning.is_of(known):
        raise CannotReplay(f"{version} was begun with {_in_words(known)}; choose another name")
    return known


def _in_words(record: VersionRecord) -> str:
    begun = f"--snapshot {record.snapshot}" if record.snapshot else f"--from {record.reads_from}"
    return f"{begun} --archive" if record.archive else begun


def _record(registry: Registry, version: str, beginning: Beginning) -> list[Change]:
    if _known(registry, version, beginning) is not None:
        return []
    who = operator_name()
    record = VersionRecord(
        time.time_ns() // 1_000_000,
        who,
        beginning.reads_from,
        snapshot=beginning.snapshot,
        archive=beginning.archive,
        filled=not beginning.snapshot,
    )
    return [record.record(version)]


def _filled(registry: Registry, version: str) -> list[Change]:
    return [msgspec.structs.replace(registry.records[version], filled=True).record(version)]


async def _begin_at(bootstrap: str, topics: Topics, begin_ms: int) -> None:
    """Notes for each partition that everything appended before `begin_ms` counts as folded, once."""
    async with bulk_consumer(bootstrap) as consumer:
        sources = [
            TopicPartition(topics.interactions, n) for n in range(await partition_count(consumer, topics.interactions))
        ]
        found = await consumer.offsets_for_times(dict.fromkeys(sources, begin_ms))
        ends = await consumer.end_offsets(sources)
    log_id = await topic_id(bootstrap, topics.interactions)
    for source in sources:
        at = found.get(source)
        place = LogPosition(ends[source] if at is None else at.offset, log_id)
        await _begin_partition(bootstrap, topics, source, place)


async def _begin_partition(bootstrap: str, topics: Topics, source: TopicPartition, place: LogPosition) -> None:
    if await _was_begun(bootstrap, topics, source):
        return
    producer = PartitionProducer(bootstrap, topics.transactional_id(*source), topics.consumer_group)
    try:
        await producer.fence()
        if not await _was_begun(bootstrap, topics, source):  # now nobody else can begin it
            mark = LogMark(source=place.topic_id)
            table = ChangelogTable(topics.user_changelog, source.partition, mark=mark)
            await producer.commit(table.outgoing([], place.offset), source, place.offset)
    finally:
        await producer.close()


async def _was_begun(bootstrap: str, topics: Topics, source: TopicPartition) -> bool:
    async with GroupProgress(bootstrap, topics.consumer_group) as progress:
        return source.partition in await progress.begun(source.topic)
