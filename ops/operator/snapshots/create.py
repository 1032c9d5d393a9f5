"""Takes a snapshot of a version while its workers go on."""

import re
import time
from collections.abc import AsyncIterator, Iterable, Sequence
from contextlib import asynccontextmanager
from datetime import UTC, datetime
from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.retention.record_files import ArchivedRecord, RecordWriter, write_rows
from agents.versions.registry import read_registry
from offline.snapshots.manifest import FileEntry, Kind, Manifest
from ops.exit_codes import CommandFailed, ExitCode
from ops.operator.archive.erasure import read_erasures
from ops.operator.snapshots.consistent_snapshot import read_table, read_waiting
from ops.operator.snapshots.erasure import SnapshotErasure
from ops.operator.snapshots.log_identity import topic_id
from ops.operator.snapshots.store import SnapshotStore, entry_of
from ops.operator_name import operator_name
from serving.registry import Registry
from streams.contract.identities import Identities
from streams.kafka import clients
from streams.kafka.bulk_read import bulk_consumer, partitions_of
from streams.kafka.topics import Topics
from tables.item_deltas import DELTA_VERSION
from tables.partition_row import PARTITION_ROW_VERSION
from tables.user_row import USER_ROW_VERSION

#: Formats of what a snapshot holds, as this code writes them; rows know their own and are upgraded when read.
ROW_VERSIONS = {"users": USER_ROW_VERSION, "partitions": PARTITION_ROW_VERSION, "deltas": DELTA_VERSION}
_NAME = re.compile(r"[a-zA-Z0-9][a-zA-Z0-9._-]{0,99}\Z")


class CannotCreate(CommandFailed):
    """There is nothing to take a snapshot of, or the name is taken."""

    code = ExitCode.USAGE


def name_of(version: str, now_ms: int) -> str:
    """The name that a snapshot gets by itself.

    >>> name_of("v1", 1_767_225_600_000)
    'v1-20260101T000000Z'
    """
    return f"{version}-{datetime.fromtimestamp(now_ms / 1000, UTC):%Y%m%dT%H%M%SZ}"


async def create(bootstrap: str, topics: Topics, store: SnapshotStore, identities: Identities, name: str) -> Manifest:
    """Takes a snapshot of the version of `topics`. Raises `CannotCreate`, `NoConsistentSnapshot`, `StorageError`."""
    if not _NAME.match(name):
        raise CannotCreate(f"{name!r} is no name of a snapshot: 1-100 letters, digits, '.', '_' or '-'")
    if name in store.names():
        raise CannotCreate(
            f"there is a snapshot {name} in {store.address}, or what is left of one; choose another name"
        )
    registry = await read_registry(bootstrap, topics)
    if topics.version not in registry.fingerprints:
        raise CannotCreate(f"version {topics.version} has no tables: no worker of it ever ran, or it was retired")
    with TemporaryDirectory() as scratch:
        async with _Reader.opened(bootstrap) as reader:
            taking = _Taking(reader, topics, store, name, Path(scratch))
            offsets = await taking.take()
        log_id = await topic_id(bootstrap, topics.interactions)
        manifest = _manifest(registry, topics, log_id, name, offsets, taking)
        store.complete(manifest, Path(scratch))
    # Whoever is erased from now on finds the files, whoever was while they were written is found here.
    SnapshotErasure(store, await read_erasures(bootstrap, topics, identities)).drop_from(name)
    return store.manifest(name)


def _manifest(
    registry: Registry, topics: Topics, log_id: str, name: str, offsets: dict[int, int], taken: "_Taking"
) -> Manifest:
    record = registry.records.get(topics.version)
    return Manifest(
        name=name,
        version=topics.version,
        topic=topics.interactions,
        topic_id=log_id,
        partitions=len(offsets),
        created_ms=time.time_ns() // 1_000_000,
        who=operator_name(),
        reads_from="earliest" if record is None else record.reads_from,
        offsets=offsets,
        fingerprint=msgspec.json.decode(registry.fingerprints[topics.version]),
        row_versions=ROW_VERSIONS,
        files=taken.files,
        leader_epochs=taken.leader_epochs,
    )


class _Reader:
    """Two consumers: one reads committed records, the other one sees where logs end, open transactions included."""

    def __init__(self, committed: AIOKafkaConsumer, everything: AIOKafkaConsumer) -> None:
        self.committed = committed
        self._everything = everything

    @classmethod
    @asynccontextmanager
    async def opened(cls, bootstrap: str) -> "AsyncIterator[_Reader]":
        everything = clients.consumer(bootstrap, enable_auto_commit=False)
        async with bulk_consumer(bootstrap) as committed:
            await everything.start()
            try:
                yield cls(committed, everything)
            finally:
                await everything.stop()

    async def ends(self, topic: str) -> dict[TopicPartition, int]:
        found: dict[TopicPartition, int] = await self._everything.end_offsets(
            await partitions_of(self._everything, [topic])
        )
        return dict(sorted(found.items()))


class _Taking:
    """One snapshot in the making; a partition's rows are in memory at a time."""

    def __init__(self, reader: _Reader, topics: Topics, store: SnapshotStore, name: str, scratch: Path) -> None:
        self.files: list[FileEntry] = []
        self.leader_epochs: dict[int, int] = {}  # of the users' positions
        self._reader = reader
        self._topics = topics
        self._store = store
        self._name = name
        self._scratch = scratch

    async def take(self) -> dict[int, int]:
        """Writes all files; returns the offsets before which the users' rows contain everything. For the order see
        `ops.operator.snapshots.consistent_snapshot`."""
        topics = self._topics
        learned = await self._tables("items", topics.item_model)
        trained = await self._tables("ranker", topics.ranker_weights)
        offsets = await self._tables("users", topics.user_changelog)
        await self._waiting("deltas", topics.deltas, learned, offsets)
        await self._waiting("examples", topics.ranker_examples, trained, offsets)
        return offsets

    async def _tables(self, kind: Kind, changelog: str) -> dict[int, int]:
        positions = {}
        for source, end in (await self._reader.ends(changelog)).items():
            table = await read_table(self._reader.committed, source, end)
            positions[source.partition] = table.next_offset
            if kind == "users":
                self.leader_epochs[source.partition] = table.mark.leader_epoch
            local = self._scratch / "rows"
            rows = write_rows(local, sorted(table.rows.items()))
            self._put(kind, source.partition, rows, local)
        return positions

    async def _waiting(self, kind: Kind, topic: str, begins: dict[int, int], offsets: dict[int, int]) -> None:
        for source, end in (await self._reader.ends(topic)).items():
            begin = begins[source.partition]
            records = await read_waiting(self._reader.committed, source, begin, end, offsets)
            local = self._scratch / "records"
            self._put(kind, source.partition, _write(local, records), local)

    def _put(self, kind: Kind, partition: int, rows: int, local: Path) -> None:
        entry = entry_of(kind, partition, rows, local)
        self._store.put(self._name, entry.name, local)
        self.files.append(entry)


def _write(local: Path, records: Sequence[ConsumerRecord] | Iterable[ConsumerRecord]) -> int:
    with RecordWriter(local) as writer:
        for record in records:
            writer.add(ArchivedRecord(record))
    return writer.rows
