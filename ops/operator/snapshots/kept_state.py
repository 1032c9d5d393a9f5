"""What a version may begin with beside the log: a snapshot's tables, and an archive in front of the log."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec
from aiokafka.structs import TopicPartition

from agents.retention.archive_files import About, PartitionFiles, chained
from agents.retention.archive_store import ArchiveStore
from agents.versions.fingerprint import Fingerprint, of_worker
from offline.snapshots.manifest import (
    Manifest,
    SnapshotRefused,
    check_fingerprint,
    check_offsets,
    check_positions,
    check_rows,
    check_topic,
)
from ops.configuration.settings import Settings
from ops.operator.archive.erasure import read_erasures
from ops.operator.archive.write import CannotArchive, check_about, check_meets_log, check_same_records
from ops.operator.snapshots.create import ROW_VERSIONS
from ops.operator.snapshots.log_identity import topic_id
from ops.operator.snapshots.restore import Restore
from ops.operator.snapshots.store import NoSnapshot, SnapshotStore
from ops.processes.worker_process import worker_config
from streams.kafka.bulk_read import bulk_consumer, partitions_of
from streams.kafka.log_position import LogNow
from streams.kafka.log_state import read_logs
from streams.kafka.topics import Topics

Offsets = dict[int, int]


class StartingState:
    """Checks what is kept against the log as it is now, and restores; for the version of `topics`."""

    def __init__(self, settings: Settings, topics: Topics) -> None:
        self._settings = settings
        self._topics = topics
        self._config = worker_config(settings)
        self._archive = ArchiveStore(settings.storage, topics.namespace, topics.interactions)
        self._snapshots = SnapshotStore(settings.storage, topics.namespace)

    async def check_archive(self) -> Offsets:
        """Where each partition begins, in its archive or in the log. Raises `CannotArchive` on a gap between the two,
        on one in the archive `StorageError`."""
        begins, ends = await self._log()
        topic = self._topics.interactions
        log_id = await topic_id(self._settings.kafka, topic)
        check_about(self._archive, About(topic, log_id, len(begins)))
        chains = self.archived()
        if not chains:
            raise CannotArchive(f"there is no archive in {self._archive.address}: `freshet archive` makes one")
        for partition, begin in begins.items():
            source = TopicPartition(topic, partition)
            check_meets_log(source, chains.get(partition), begin, ends[partition])
        with TemporaryDirectory() as scratch:
            async with bulk_consumer(self._settings.kafka) as consumer:
                of_log = {TopicPartition(topic, partition): begin for partition, begin in begins.items()}
                await check_same_records(consumer, self._archive, chains, of_log, Path(scratch))
        return {partition: _begin(chains.get(partition), begin) for partition, begin in begins.items()}

    def archived(self) -> dict[int, PartitionFiles]:
        """What the archive holds, by partition. Raises `StorageError`."""
        return chained(self._archive.files())

    async def checked_snapshot(self, name: str, *, archive: bool, inexact: bool) -> Manifest:
        """The snapshot, when workers with these settings can go on from it. Raises `NoSnapshot`."""
        manifest = self._snapshots.manifest(name)
        self._snapshots.check_files(manifest)
        begins, ends = await self._log()
        mine = of_worker(self._config)
        topic = self._topics.interactions
        log_id = await topic_id(self._settings.kafka, topic)
        theirs = Fingerprint.decode(msgspec.json.encode(manifest.fingerprint))
        try:
            check_topic(manifest, topic, log_id, len(begins))
            check_rows(manifest, ROW_VERSIONS)
            check_fingerprint(manifest, theirs.of_rows().differences(mine.of_rows()), inexact=inexact)
            check_offsets(manifest, await self.check_archive() if archive else begins, ends)
            check_positions(manifest, await self._logs(manifest))
        except SnapshotRefused as refusal:
            raise NoSnapshot(str(refusal)) from None
        return manifest

    async def restore(self, manifest: Manifest) -> None:
        """Fills the version's tables. Nobody who was erased by now is brought back."""
        known = await read_erasures(self._settings.kafka, self._topics, self._config.identities)
        await Restore(self._settings.kafka, self._topics, self._snapshots, manifest, known.erasures).run()

    async def _logs(self, manifest: Manifest) -> dict[int, LogNow]:
        topic = self._topics.interactions
        places = {TopicPartition(topic, partition): manifest.place(partition) for partition in manifest.offsets}
        async with bulk_consumer(self._settings.kafka) as consumer:
            return {tp.partition: now for tp, now in (await read_logs(consumer._client, places)).items()}

    async def _log(self) -> tuple[Offsets, Offsets]:
        async with bulk_consumer(self._settings.kafka) as consumer:
            sources = await partitions_of(consumer, [self._topics.interactions])
            begins, ends = await consumer.beginning_offsets(sources), await consumer.end_offsets(sources)
        return {tp.partition: at for tp, at in begins.items()}, {tp.partition: at for tp, at in ends.items()}


def _begin(files: PartitionFiles | None, log_begin: int) -> int:
    return log_begin if files is None else min(files.begin, log_begin)
