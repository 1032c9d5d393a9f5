"""Snapshots in their storage: one folder each, its manifest last."""

from collections.abc import Iterator
from pathlib import Path

from agents.retention.archive_store import folder_of
from agents.retention.errors import StorageError
from agents.retention.storage import Storage, sha256_of
from offline.snapshots.manifest import FileEntry, Kind, Manifest, SnapshotRefused, seal, unseal
from ops.exit_codes import CommandFailed, ExitCode

MANIFEST = "manifest.json"


class NoSnapshot(CommandFailed):
    """There is none of that name, or it may not be used; the message names it."""

    code = ExitCode.USAGE


class SnapshotStore:
    """The snapshots of one namespace. Raises `NoSnapshot` and `StorageError`."""

    def __init__(self, storage_url: str, namespace: str) -> None:
        self._storage = Storage(storage_url)
        self._folder = folder_of("snapshots", namespace)

    @property
    def address(self) -> str:
        """For people."""
        return f"{self._storage.url}/{self._folder}"

    def names(self) -> list[str]:
        """Every folder, whether it holds a whole snapshot or not."""
        inside = (name.removeprefix(f"{self._folder}/") for name in self._storage.names(self._folder))
        return sorted({name.partition("/")[0] for name in inside if "/" in name})

    def manifest(self, name: str) -> Manifest:
        """What the snapshot says about itself."""
        if name not in self.names():
            raise NoSnapshot(f"there is no snapshot {name} in {self.address}")
        try:
            return unseal(name, self._storage.read(self._path(name, MANIFEST)))
        except SnapshotRefused as refusal:
            raise NoSnapshot(str(refusal)) from None

    def is_complete(self, name: str) -> bool:
        """Whether its manifest was written."""
        return MANIFEST in self.files(name)

    def fetch(self, manifest: Manifest, file: FileEntry, local: Path) -> None:
        """Copies a file and checks it against its checksum."""
        try:
            found = self._storage.get(self._path(manifest.name, file.name), local)
        except StorageError:
            raise NoSnapshot(f"snapshot {manifest.name} is incomplete: {file.name} is missing") from None
        if found != file.sha256:
            raise NoSnapshot(f"snapshot {manifest.name} is damaged: the SHA-256 of {file.name} is {found}")

    def check_files(self, manifest: Manifest) -> None:
        """Raises `NoSnapshot` unless every file that the manifest mentions is there."""
        missing = {file.name for file in manifest.files}.difference(self.files(manifest.name))
        if missing:
            raise NoSnapshot(f"snapshot {manifest.name} is incomplete: {', '.join(sorted(missing))} is missing")

    def put(self, name: str, file: str, local: Path) -> None:
        """Adds a file that no manifest mentions yet."""
        self._storage.put(self._path(name, file), local)

    def complete(self, manifest: Manifest, scratch: Path) -> None:
        """Makes what the manifest mentions a snapshot, and removes what it does not."""
        local = scratch / MANIFEST
        local.write_bytes(seal(manifest))
        self._storage.put(self._path(manifest.name, MANIFEST), local)
        mentioned = {file.name for file in manifest.files} | {MANIFEST}
        for file in self.files(manifest.name):
            if file not in mentioned:
                self._storage.remove(self._path(manifest.name, file))

    def files(self, name: str) -> list[str]:
        """Every file in the folder of a snapshot."""
        folder = self._path(name, "")
        return [path.removeprefix(folder) for path in self._storage.names(folder.rstrip("/"))]

    def remove(self, name: str) -> None:
        """Removes a snapshot, its manifest first, whatever is left of it. Raises `NoSnapshot` when there is nothing."""
        if name not in self.names():
            raise NoSnapshot(f"there is no snapshot {name} in {self.address}")
        self._storage.remove(self._path(name, MANIFEST))
        for file in self.files(name):
            self._storage.remove(self._path(name, file))

    def copies(self, name: str, prefix: str, scratch: Path) -> Iterator[Path]:
        """Local copies, one at a time, of the files whose names begin so, mentioned or not."""
        for file in self.files(name):
            if file.startswith(prefix):
                local = scratch / "copy"
                self._storage.get(self._path(name, file), local)
                yield local

    def _path(self, name: str, file: str) -> str:
        return f"{self._folder}/{name}/{file}"


def entry_of(kind: Kind, partition: int, rows: int, local: Path) -> FileEntry:
    """A file as the manifest has it, under the beginning of its checksum."""
    sha256 = sha256_of(local)
    name = f"{kind}-{partition:05d}-{sha256[:12]}.parquet"
    return FileEntry(name, kind, partition, rows, local.stat().st_size, sha256)
