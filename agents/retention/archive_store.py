"""The archive of one topic in its storage: what there is, and files in and out."""

from collections.abc import Collection
from datetime import date
from pathlib import Path

import msgspec

from agents.retention.archive_files import ABOUT, ARCHIVE_FORMAT, About, ArchiveFile, chained
from agents.retention.errors import StorageError
from agents.retention.record_files import may_name
from agents.retention.storage import Storage, sha256_of
from streams.kafka.topics import NO_NAMESPACE


def folder_of(kind: str, namespace: str) -> str:
    """Where one kind of files of a namespace is kept.

    >>> folder_of("archive", ""), folder_of("snapshots", "demo")
    ('archive/default', 'snapshots/demo')
    """
    return f"{kind}/{namespace or NO_NAMESPACE}"


class ArchiveStore:
    """Raises `StorageError` wherever a file is not what it should be."""

    def __init__(self, storage_url: str, namespace: str, topic: str) -> None:
        self._storage = Storage(storage_url)
        self._folder = f"{folder_of('archive', namespace)}/{topic}"

    @property
    def address(self) -> str:
        """For people."""
        return f"{self._storage.url}/{self._folder}"

    def files(self) -> list[ArchiveFile]:
        """Every archive file there, also those that others supersede."""
        names = (name.removeprefix(f"{self._folder}/") for name in self._storage.names(self._folder))
        return [file for file in map(ArchiveFile.parse, names) if file is not None]

    def about(self) -> About | None:
        """What all files have in common; None before the first one."""
        data = self._storage.read(f"{self._folder}/{ABOUT}")
        if data is None:
            return None
        try:
            found = msgspec.json.decode(data, type=About)
        except msgspec.DecodeError as problem:
            raise StorageError(f"{self.address}/{ABOUT} is damaged: {problem}") from None
        if found.format != ARCHIVE_FORMAT:
            raise StorageError(f"{self.address} has the format {found.format}, this release reads {ARCHIVE_FORMAT}")
        return found

    def begin(self, about: About, scratch: Path) -> None:
        """Writes what all files have in common."""
        local = scratch / ABOUT
        local.write_bytes(msgspec.json.encode(about))
        self._storage.put(f"{self._folder}/{ABOUT}", local)

    def put(self, file: ArchiveFile, local: Path, former: ArchiveFile | None = None) -> None:
        """Adds a file, which replaces `former`."""
        self._storage.put(f"{self._folder}/{file.name}", local)
        if former is not None and former != file:
            self.remove(former)

    def may_name(self, file: ArchiveFile, users: Collection[str]) -> bool:
        """Whether a file may name one of the users, as its footer says; no more of it is read."""
        with self._storage.opened(f"{self._folder}/{file.name}") as opened:
            return may_name(opened, users)

    def fetch(self, file: ArchiveFile, local: Path) -> None:
        """Copies a file and checks it against its checksum."""
        found = self._storage.get(f"{self._folder}/{file.name}", local)
        if found != file.sha256:
            raise StorageError(f"{self.address}/{file.name} is damaged: its SHA-256 is {found}")

    def forget_before(self, day: date) -> int:
        """Removes the files of days before one, the oldest first; the newest of each partition stays, because the
        archive goes on from there. Returns how many went."""
        files = [file for partition in chained(self.files()).values() for file in partition.chain[:-1]]
        old = sorted((file for file in files if file.day < day), key=lambda file: (file.partition, file.first))
        for file in old:
            self.remove(file)
        return len(old)

    def remove(self, file: ArchiveFile) -> None:
        """Removes a file, if it is there."""
        self._storage.remove(f"{self._folder}/{file.name}")


def hashed(file: ArchiveFile, local: Path) -> ArchiveFile:
    """The file under the checksum of its bytes."""
    return ArchiveFile(file.day, file.partition, file.first, file.end, file.revision, sha256_of(local))
