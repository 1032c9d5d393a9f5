"""Archives interactions: one file a partition and day, and what users were erased since is blanked in them."""

from collections.abc import Iterator, Mapping
from contextlib import ExitStack
from dataclasses import asdict, dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.retention.archive_files import About, ArchiveFile, PartitionFiles, chained, day_of
from agents.retention.archive_store import ArchiveStore, hashed
from agents.retention.record_files import ArchivedRecord, RecordWriter, read_records
from ops.exit_codes import CommandFailed
from ops.operator.archive.identity import differing_offsets
from ops.operator.snapshots.log_identity import topic_id
from streams.contract.erasure import users_named
from streams.kafka.bulk_read import POLL_MS, bulk_consumer, partitions_of
from streams.kafka.topics import Topics


class CannotArchive(CommandFailed):
    """The archive and the log do not fit together; nothing was changed."""


@dataclass(frozen=True, slots=True)
class PartitionArchived:
    """The archive holds offsets `begin` up to and without `end`; `added` records came with this run."""

    partition: int
    begin: int
    end: int
    added: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return asdict(self)


async def archive(bootstrap: str, topics: Topics, store: ArchiveStore) -> list[PartitionArchived]:
    """Brings the archive up to the present end of the log. May be repeated and interrupted at any time.

    Raises:
        CannotArchive: records that are not archived are gone from the log, or the archive is of another log.
        StorageError: a file is damaged or missing.
    """
    with TemporaryDirectory() as scratch:
        async with bulk_consumer(bootstrap) as consumer:
            sources = await partitions_of(consumer, [topics.interactions])
            about = About(topics.interactions, await topic_id(bootstrap, topics.interactions), len(sources))
            check_about(store, about)
            chains = chained(store.files())
            begins, ends = await consumer.beginning_offsets(sources), await consumer.end_offsets(sources)
            for source in sources:
                check_meets_log(source, chains.get(source.partition), begins[source], ends[source])
            await check_same_records(consumer, store, chains, begins, Path(scratch))
            if store.about() is None:
                store.begin(about, Path(scratch))
            results = []
            for source in sources:
                work = _Partition(store, consumer, source, chains.get(source.partition), Path(scratch))
                results.append(await work.archive(begins[source], ends[source]))
    return results


def check_about(store: ArchiveStore, log: About) -> None:
    """Raises `CannotArchive` unless the archive, if there is one, is of the topic that `log` describes."""
    found = store.about()
    if found is None:
        return
    if found.partitions != log.partitions:
        raise CannotArchive(
            f"{store.address} was made of {found.partitions} partitions, {log.topic} has {log.partitions}"
        )
    if found.topic_id != log.topic_id:
        raise CannotArchive(
            f"{store.address} is of another log: {log.topic} was deleted and made again since, or is on other brokers"
        )


async def check_same_records(
    consumer: AIOKafkaConsumer,
    store: ArchiveStore,
    chains: Mapping[int, PartitionFiles],
    begins: Mapping[TopicPartition, int],
    scratch: Path,
) -> None:
    """Raises `CannotArchive` when the log holds other records than the archive at the same offsets."""
    archived = {source: chains[source.partition] for source in begins if source.partition in chains}
    for source, offset in (await differing_offsets(consumer, store, archived, begins, scratch)).items():
        raise CannotArchive(
            f"{source.topic}:{source.partition} holds another record at offset {offset} than {store.address}: an "
            "unclean leader election or a lost disk cut the log off, and what it lost is in the archive only. Move the "
            "archive away, and begin another one"
        )


def check_meets_log(source: TopicPartition, files: PartitionFiles | None, log_begin: int, log_end: int) -> None:
    """Raises `CannotArchive` unless a partition's archive reaches the beginning of its log, and not beyond the end."""
    if files is None:
        return
    where = f"partition {source.partition} of {source.topic}"
    if log_begin > files.end:
        raise CannotArchive(
            f"the archive of {where} ends at offset {files.end}, but its log begins at {log_begin}: what is between "
            "them was removed before it was archived. An archive has no gaps: move it away, and begin another one"
        )
    if files.end > log_end:
        raise CannotArchive(
            f"the archive of {where} ends at offset {files.end}, behind the end of the log at {log_end}: it is of "
            "another log"
        )


class _Partition:
    """Archives one partition."""

    def __init__(
        self,
        store: ArchiveStore,
        consumer: AIOKafkaConsumer,
        source: TopicPartition,
        files: PartitionFiles | None,
        scratch: Path,
    ) -> None:
        self._store = store
        self._consumer = consumer
        self._source = source
        self._last = files.chain[-1] if files else None
        self._begin = files.begin if files else None
        self._scratch = scratch
        for left in files.superseded if files else ():
            store.remove(left)

    async def archive(self, log_begin: int, end: int) -> PartitionArchived:
        """Everything up to `end`."""
        first = self._last.end if self._last else log_begin
        position, added = first, 0
        with _Days(self._store, self._source, self._last, first, self._scratch) as days:
            self._consumer.assign([self._source])
            self._consumer.seek(self._source, first)
            while position < end:
                for records in (await self._consumer.getmany(timeout_ms=POLL_MS)).values():
                    wanted = [record for record in records if record.offset < end]
                    added += len(wanted)
                    for record in wanted:
                        days.add(record)
                position = min(end, await self._consumer.position(self._source))
            days.finish(position)
        begin = first if self._begin is None else self._begin
        return PartitionArchived(self._source.partition, begin, days.end, added)


class _Days:
    """Cuts a partition into files by day. The day that the archive ended in goes on in the file that it has."""

    def __init__(
        self, store: ArchiveStore, source: TopicPartition, last: ArchiveFile | None, first: int, scratch: Path
    ) -> None:
        self._store = store
        self._source = source
        self._last = last
        self._first = first
        self._scratch = scratch
        self._day: date | None = None
        self._former: ArchiveFile | None = None
        self._writing = ExitStack()
        self._writer: RecordWriter | None = None

    def __enter__(self) -> "_Days":
        return self

    def __exit__(self, *_: object) -> None:
        self._writing.close()

    @property
    def end(self) -> int:
        """Where the archive ends by now."""
        return self._last.end if self._last else self._first

    def add(self, record: ConsumerRecord) -> None:
        """Takes the next record. Append times may step back with a leader's clock; days do not."""
        day = day_of(record.timestamp)
        newest = self._day or (self._last.day if self._last else day)
        day = max(day, newest)
        if self._writer is None:
            self._open(day)
        elif day != self._day:
            self.finish(record.offset)
            self._open(day)
        assert self._writer is not None
        self._writer.add(ArchivedRecord(record, sorted(users_named(record.key, record.value))))

    def finish(self, end: int) -> None:
        """Puts the open file, which ends before `end`, into the archive."""
        if self._writer is None or self._day is None:
            return
        self._writing.close()
        self._writer = None
        made = hashed(ArchiveFile(self._day, self._source.partition, self._first, end, 0, ""), self._path)
        self._store.put(made, self._path, self._former)
        self._first, self._last = end, made

    def _open(self, day: date) -> None:
        former = self._last if self._last and self._last.day == day else None
        self._day, self._former = day, former
        self._writer = self._writing.enter_context(RecordWriter(self._path))
        if former is not None:
            self._first = former.first
            for kept in self._archived(former):
                self._writer.add(kept)

    def _archived(self, file: ArchiveFile) -> Iterator[ArchivedRecord]:
        local = self._scratch / "former.parquet"
        self._store.fetch(file, local)
        for group in read_records(local, self._source.topic, self._source.partition):
            yield from group

    @property
    def _path(self) -> Path:
        return self._scratch / f"{self._source.partition}.parquet"
