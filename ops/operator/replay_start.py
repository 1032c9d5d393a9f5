"""Prepares a new version for its workers: topics, its record in the registry, and where it begins to read."""

import asyncio
import getpass
import socket
import time
from datetime import datetime

from aiokafka.structs import TopicPartition

from agents.delivery.outgoing import Outgoing
from agents.delivery.producer import PartitionProducer
from agents.delivery.table import ChangelogTable
from agents.registry import Change, change_registry
from ops.exit_codes import CommandFailed, ExitCode
from ops.operator.finding import partition_count
from ops.progress import Progress
from ops.settings import Settings
from serving.registry import Registry, State, VersionRecord
from streams.bulk_read import bulk_consumer
from streams.topics import Topics
from streams.topics_admin import ensure_topics

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


async def prepare(settings: Settings, topics: Topics, reads_from: str) -> None:
    """Makes the version of `topics` ready to be read into; changes nothing when it was begun before.

    `reads_from` as `parse_from` takes it. Raises `CannotReplay`, `TopicMissing` and `KafkaError`.
    """
    begin_ms = parse_from(reads_from)
    bootstrap = settings.kafka_bootstrap
    async with bulk_consumer(bootstrap) as consumer:
        partitions = await partition_count(consumer, topics.interactions)
    if partitions != settings.partitions:
        raise CannotReplay(f"{topics.interactions} has {partitions} partitions, FRESHET_PARTITIONS is not that")
    await change_registry(bootstrap, topics, lambda found: _record(found, topics.version, reads_from))
    await asyncio.to_thread(
        ensure_topics, bootstrap, topics, partitions, settings.replication, timeout_s=_TOPICS_TIMEOUT_S
    )
    if begin_ms is not None:
        await _begin_at(bootstrap, topics, begin_ms)


def _record(registry: Registry, version: str, reads_from: str) -> list[Change]:
    state, known = registry.state_of(version), registry.records.get(version)
    if state is State.RETIRED:
        raise CannotReplay(f"{version} was retired; choose another name")
    if state is State.LIVE:
        raise CannotReplay(f"{version} is live; a replay makes a new version beside it")
    if known is None:
        who = f"{getpass.getuser()}@{socket.gethostname()}"
        return [VersionRecord(time.time_ns() // 1_000_000, who, reads_from).record(version)]
    if known.reads_from != reads_from:
        raise CannotReplay(f"{version} was begun with --from {known.reads_from}; choose another name")
    return []


async def _begin_at(bootstrap: str, topics: Topics, begin_ms: int) -> None:
    """Notes for each partition that everything appended before `begin_ms` counts as folded, once."""
    async with bulk_consumer(bootstrap) as consumer:
        sources = [
            TopicPartition(topics.interactions, n) for n in range(await partition_count(consumer, topics.interactions))
        ]
        found = await consumer.offsets_for_times(dict.fromkeys(sources, begin_ms))
        ends = await consumer.end_offsets(sources)
    for source in sources:
        at = found.get(source)
        await _begin_partition(bootstrap, topics, source, ends[source] if at is None else at.offset)


async def _begin_partition(bootstrap: str, topics: Topics, source: TopicPartition, offset: int) -> None:
    if await _was_begun(bootstrap, topics, source):
        return
    producer = PartitionProducer(bootstrap, topics.transactional_id(*source), topics.consumer_group)
    try:
        await producer.fence()
        if not await _was_begun(bootstrap, topics, source):  # now nobody else can begin it
            position: list[Outgoing] = ChangelogTable(topics.user_changelog, source.partition).outgoing([], offset)
            await producer.commit(position, source, offset)
    finally:
        await producer.close()


async def _was_begun(bootstrap: str, topics: Topics, source: TopicPartition) -> bool:
    async with Progress(bootstrap, topics.consumer_group) as progress:
        return source.partition in await progress.begun(source.topic)
