"""All snapshots of a namespace, and whether each may be used."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from offline.snapshots.manifest import Manifest
from ops.operator.snapshots.store import NoSnapshot, SnapshotStore
from serving.fragments import rfc3339


@dataclass(frozen=True, slots=True)
class Listed:
    """A snapshot; `refusal` says why it may not be used, "" = it may."""

    name: str
    manifest: Manifest | None
    refusal: str = ""

    @property
    def cells(self) -> tuple[str, ...]:
        """A line of a table for people."""
        found = self.manifest
        if found is None:
            return (self.name, "", "", "", "", "", self.refusal)
        offsets = " ".join(f"{partition}:{offset}" for partition, offset in sorted(found.offsets.items()))
        made = rfc3339(found.created_ms)[:16].replace("T", " ")
        return (self.name, found.version, made, str(found.rows), str(found.bytes), offsets, self.refusal or "whole")

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        found = self.manifest
        if found is None:
            return {"name": self.name, "refusal": self.refusal}
        return {
            "name": self.name,
            "version": found.version,
            "created": rfc3339(found.created_ms),
            "rows": found.rows,
            "bytes": found.bytes,
            "offsets": {str(partition): offset for partition, offset in found.offsets.items()},
            "refusal": self.refusal,
        }


async def listed(store: SnapshotStore, *, check: bool) -> list[Listed]:
    """In order of their names. With `check` every file is read and compared with its checksum, else it need only be
    there."""
    return [_look(store, name, check=check) for name in store.names()]


async def removed(store: SnapshotStore, name: str) -> None:
    """Removes a snapshot. Raises `NoSnapshot`."""
    store.remove(name)


def _look(store: SnapshotStore, name: str, *, check: bool) -> Listed:
    manifest = None
    try:
        manifest = store.manifest(name)
        store.check_files(manifest)
        if check:
            with TemporaryDirectory() as scratch:
                for file in manifest.files:
                    store.fetch(manifest, file, Path(scratch) / "checked")
    except NoSnapshot as refusal:
        return Listed(name, manifest, str(refusal))
    return Listed(name, manifest)
