"""Hands a version the archived records that the log no longer holds, under the offsets that they had in it.

A partition is read from the archive up to its end and from the log from there on: every offset comes from exactly one
of the two, however often workers are killed, because where a partition goes on is its rows' position.
"""

import asyncio
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from aiokafka.structs import ConsumerRecord

from agents.delivery.process_exit import die
from agents.retention.archive_files import ArchiveFile, PartitionFiles, chained
from agents.retention.archive_store import ArchiveStore
from agents.retention.errors import StorageError
from agents.retention.record_files import read_records
from serving.instance import new_instance
from serving.own_folder import OwnFolder


class ArchiveFeed:
    """Made closed: then it holds nothing. `folder` is for copies of the files that are being read."""

    def __init__(self, topic: str, storage_url: str, namespace: str, folder: Path, instance: str = "") -> None:
        self._topic = topic
        self._storage_url = storage_url
        self._namespace = namespace
        self._folder = folder
        self._instance = instance or new_instance()
        self._own: OwnFolder | None = None
        self._store: ArchiveStore | None = None
        self._partitions: dict[int, PartitionFiles] = {}
        self._ends: dict[int, int] = {}
        self._open: dict[int, _Reading] = {}

    async def open(self) -> None:
        """Looks what is archived now; what is added later is read from the log. Raises `StorageError`."""
        self._store = await asyncio.to_thread(ArchiveStore, self._storage_url, self._namespace, self._topic)
        self._partitions = chained(await asyncio.to_thread(self._store.files))
        self._ends = {partition: files.end for partition, files in self._partitions.items()}
        self._own = await asyncio.to_thread(OwnFolder, self._folder, self._instance)
        self._folder = self._own.path

    def end(self, topic: str, partition: int, position: int) -> int | None:
        """Where the log takes over from the archive; None when the archive does not hold what follows `position`.

        Position 0 is the beginning of whatever there is.
        """
        files = self._partitions.get(partition) if topic == self._topic else None
        if files is None or position >= self._ends[partition] or 0 < position < files.begin:
            return None
        return self._ends[partition]

    async def read(self, partition: int, position: int) -> tuple[list[ConsumerRecord], int]:
        """Some records from `position` on and the position after them; only where `end` is not None. Ends the process
        when a file is missing or damaged: nothing may be left out.
        """
        try:
            return await asyncio.to_thread(self._read, partition, position)
        except StorageError as error:
            die(f"{self._topic}:{partition} cannot be read from its archive", error)
            raise

    def hand_over(self, partition: int, end: int, log_begin: int) -> None:
        """See `streams.kafka.before_log.BeforeLog`."""
        if log_begin > end:
            gap = f"the archive ends at offset {end} and the log begins at {log_begin}; what is between is in neither"
            die(f"{self._topic}:{partition} cannot be read", StorageError(gap))

    def _read(self, partition: int, position: int) -> tuple[list[ConsumerRecord], int]:
        reading = self._open.get(partition)
        if reading is None or reading.position != position:
            reading = self._open[partition] = self._begin(partition, position)
        records = next(reading.groups, [])
        if records:
            reading.position = records[-1].offset + 1
        else:
            reading.position = reading.end
            del self._open[partition]
        return records, reading.position

    def _begin(self, partition: int, position: int) -> "_Reading":
        try:
            file, local = self._fetch(partition, position)
        except StorageError:  # replaced since: the day went on, or somebody was erased
            self._partitions = chained(self._opened.files())
            file, local = self._fetch(partition, position)
        end = min(file.end, self._ends[partition])
        return _Reading(self._groups(local, file, position, end), position, end)

    def _fetch(self, partition: int, position: int) -> tuple[ArchiveFile, Path]:
        file = next(file for file in self._partitions[partition].chain if position < file.end)
        local = self._folder / f"{partition}.parquet"
        self._opened.fetch(file, local)
        return file, local

    def _groups(self, local: Path, file: ArchiveFile, position: int, end: int) -> Iterator[list[ConsumerRecord]]:
        for kept in read_records(local, self._topic, file.partition):
            records = [found.record for found in kept if position <= found.record.offset < end]
            if records:
                yield records
        local.unlink()

    @property
    def _opened(self) -> ArchiveStore:
        if self._store is None:
            raise StorageError("the archive is not open")
        return self._store


@dataclass
class _Reading:
    """One file on its way: `groups` go on at `position`."""

    groups: Iterator[list[ConsumerRecord]]
    position: int
    end: int
