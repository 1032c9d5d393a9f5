"""Takes erased users out of snapshots: their rows are dropped and the files written again."""

from pathlib import Path
from tempfile import TemporaryDirectory

import msgspec

from agents.delivery.table import POSITION_KEY
from agents.retention.record_files import read_rows, write_rows
from offline.snapshots.manifest import FileEntry, Manifest
from ops.operator.archive.erasure import KnownErasures
from ops.operator.erasure.forgetting import forgotten
from ops.operator.snapshots.store import NoSnapshot, SnapshotStore, entry_of
from tables.item_rows import FORMER_VIEWERS


class SnapshotErasure:
    """Works on every snapshot of a namespace."""

    def __init__(self, store: SnapshotStore, known: KnownErasures) -> None:
        self._store = store
        self._known = known

    def drop(self) -> int:
        """Drops the rows of everybody who was erased since; returns how many files were written again. Snapshots in the
        making are left to whoever makes them.

        Raises:
            NoSnapshot: a snapshot is damaged, or its users are named with another secret. Who is in it
                cannot be told: it is to be removed.
        """
        return sum(self.drop_from(name) for name in self._store.names() if self._store.is_complete(name))

    def drop_from(self, name: str) -> int:
        """The same for one snapshot."""
        manifest = self._store.manifest(name)
        named = manifest.fingerprint["settings"].get("user_id_key")
        own = self._known.identities.key_id or "none"
        if named != own:
            raise NoSnapshot(
                f"snapshot {manifest.name} names users with the secret {named}, this is {own}: erase with that one, or "
                f"`freshet snapshot remove {manifest.name}`"
            )
        with TemporaryDirectory() as scratch:
            entries = [self._rewritten(manifest, entry, Path(scratch)) for entry in manifest.files]
            changed = sum(new != old for new, old in zip(entries, manifest.files, strict=True))
            if changed:
                self._store.complete(msgspec.structs.replace(manifest, files=entries), Path(scratch))
        return changed

    def _rewritten(self, manifest: Manifest, entry: FileEntry, scratch: Path) -> FileEntry:
        if entry.kind == "items":
            return self._without_viewers(manifest, entry, scratch)
        mine = self._known.erasures.of(entry.partition)
        if entry.kind != "users" or not mine.ends:
            return entry
        local = scratch / "rows"
        self._store.fetch(manifest, entry, local)
        rows = dict(read_rows(local))
        if not any(value is None for _, value in forgotten(rows, entry.partition, manifest.partitions, mine)):
            return entry
        count = write_rows(local, sorted(rows.items()))
        made = entry_of(entry.kind, entry.partition, count, local)
        self._store.put(manifest.name, made.name, local)
        return made

    def _without_viewers(self, manifest: Manifest, entry: FileEntry, scratch: Path) -> FileEntry:
        """Snapshots of former releases hold hashes of everybody who used an item."""
        local = scratch / "rows"
        self._store.fetch(manifest, entry, local)
        rows = list(read_rows(local))
        left = [(key, value) for key, value in rows if key[:1] != FORMER_VIEWERS]
        if len(left) == len(rows):
            return entry
        made = entry_of(entry.kind, entry.partition, write_rows(local, left), local)
        self._store.put(manifest.name, made.name, local)
        return made

    def count(self, names: frozenset[bytes]) -> int:
        """Rows of the user with these ids in any file of any snapshot, whole or not.

        Raises `StorageError` when a file cannot be read."""
        with TemporaryDirectory() as scratch:
            return sum(
                key != POSITION_KEY and not names.isdisjoint((key[1:], key[5:]))
                for name in self._store.names()
                for local in self._store.copies(name, "users-", Path(scratch))
                for key, _ in read_rows(local)
            )
