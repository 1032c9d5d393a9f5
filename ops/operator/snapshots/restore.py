"""Fills the tables of a new version from a snapshot, so that its workers go on at exactly the snapshot's offsets."""

from collections.abc import Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Final

from aiokafka.structs import TopicPartition

from agents.delivery.log_mark import LogMark
from agents.delivery.outgoing import Outgoing
from agents.delivery.producer import PartitionProducer
from agents.delivery.table import ChangelogTable
from agents.followers.erasures import Erasures
from agents.retention.record_files import read_records, read_rows
from offline.snapshots.manifest import FileEntry, Manifest
from ops.group_progress import GroupProgress
from ops.operator.erasure.forgetting import forgotten
from ops.operator.snapshots.store import SnapshotStore
from streams.kafka.log_position import LogPosition
from streams.kafka.topics import Topics
from tables import item_rows
from tables.user import Change

#: Rows in one transaction: it must be over before brokers give it up.
CHUNK_ROWS: Final = 5_000


class Restore:
    """Fills the version of `topics`. May be repeated after it was interrupted: what is done is left alone.

    A partition becomes valid with its last transaction, which writes the position of its rows and the group's offset
    together with what must not be written twice. No worker may run meanwhile (`VersionRecord.filled`).
    """

    def __init__(
        self, bootstrap: str, topics: Topics, store: SnapshotStore, manifest: Manifest, erasures: Erasures
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._store = store
        self._manifest = manifest
        self._erasures = erasures

    async def run(self) -> None:
        """Raises `NoSnapshot` when a file is missing or damaged, and `KafkaError`."""
        with TemporaryDirectory() as scratch:
            local = Path(scratch) / "file"
            for entry in self._manifest.of("users").values():
                await self._users(entry, local)
            await self._learners("items", "deltas", self._topics.deltas, self._topics.item_model, local)
            await self._learners("ranker", "examples", self._topics.ranker_examples, self._topics.ranker_weights, local)

    async def _users(self, entry: FileEntry, local: Path) -> None:
        source = TopicPartition(self._topics.interactions, entry.partition)
        if await self._is_done(source):
            return
        self._store.fetch(self._manifest, entry, local)
        rows = dict(read_rows(local))
        mine = self._erasures.of(entry.partition)
        dropped = [key for key, value in forgotten(rows, entry.partition, self._manifest.partitions, mine) if not value]
        changes: list[Change] = [*rows.items(), *((key, None) for key in dropped)]  # an earlier attempt wrote those
        place = self._manifest.place(entry.partition)
        await self._fill(source, self._topics.user_changelog, changes, place, [])

    async def _learners(self, kind: str, waiting: str, topic: str, changelog: str, local: Path) -> None:
        entries = {(entry.kind, entry.partition): entry for entry in self._manifest.files}
        for (found, partition), entry in entries.items():
            source = TopicPartition(topic, partition)
            if found != kind or await self._is_done(source):
                continue
            self._store.fetch(self._manifest, entry, local)
            # What is known comes with how far it knows ahead of it, as the plane publishes it, and what was learned
            # behind the rows that it adds to.
            rows: list[Change] = sorted(read_rows(local), key=lambda row: (row[0] != item_rows.MODEL_WATERMARK, row[0]))
            self._store.fetch(self._manifest, entries[waiting, partition], local)  # type: ignore[index]  # of a kind
            records = [
                Outgoing(topic, partition, kept.record.key, kept.record.value, kept.record.headers)
                for group in read_records(local, topic, partition)
                for kept in group
            ]
            await self._fill(source, changelog, rows, LogPosition(), records)

    async def _fill(
        self,
        source: TopicPartition,
        changelog: str,
        rows: Iterable[Change],
        place: LogPosition,
        with_position: Sequence[Outgoing],
    ) -> None:
        topics = self._topics
        producer = PartitionProducer(self._bootstrap, topics.transactional_id(*source), topics.consumer_group)
        try:
            await producer.fence()
            if await self._is_done(source):  # now nobody else can fill it
                return
            mark = LogMark(source=place.topic_id, leader_epoch=place.leader_epoch)
            table = ChangelogTable(changelog, source.partition, mark=mark)
            for chunk in _chunks(rows):
                await producer.commit([Outgoing(changelog, source.partition, *row) for row in chunk], None, 0)
            await producer.commit([*with_position, *table.outgoing([], place.offset)], source, place.offset)
        finally:
            await producer.close()

    async def _is_done(self, source: TopicPartition) -> bool:
        async with GroupProgress(self._bootstrap, self._topics.consumer_group) as progress:
            return source.partition in await progress.begun(source.topic)


def _chunks(rows: Iterable[Change]) -> Iterator[list[Change]]:
    left = iter(rows)
    while chunk := list(islice(left, CHUNK_ROWS)):
        yield chunk
