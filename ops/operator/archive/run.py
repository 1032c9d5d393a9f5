"""One run of `freshet archive`: what came since, then what was erased meanwhile."""

from dataclasses import dataclass
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.retention.archive_files import chained
from agents.retention.archive_store import ArchiveStore
from ops.operator.archive import PartitionArchived, archive
from ops.operator.archive_erasure import ArchiveErasure, read_erasures
from streams.identities import Identities
from streams.topics import Topics


@dataclass(frozen=True, slots=True)
class ArchiveRun:
    """What the archive holds now; `blanked` records were blanked by this run."""

    partitions: list[PartitionArchived]
    blanked: int

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {"partitions": [found.as_dict() for found in self.partitions], "blanked": self.blanked}


async def run_archive(
    bootstrap: str, storage_url: str, topics: Topics, identities: Identities, *, only_check: bool
) -> ArchiveRun:
    """Raises `CannotArchive`, `StorageError` and `TopicMissing`."""
    store = ArchiveStore(storage_url, topics.namespace, topics.interactions)
    before = set() if only_check else set(store.files())
    found = check_files(store) if only_check else await archive(bootstrap, topics, store)
    # After the files are in place: whoever is erased from now on finds them, whoever was before is found here.
    known = await read_erasures(bootstrap, topics, identities)
    written = set(store.files()) - before
    return ArchiveRun(found, ArchiveErasure(store, topics.interactions, known).blank(written))


def check_files(store: ArchiveStore) -> list[PartitionArchived]:
    """Reads every file. Raises `StorageError` on a damaged one and on a gap."""
    found = []
    with TemporaryDirectory() as scratch:
        for partition, files in chained(store.files()).items():
            for file in files.chain:
                store.fetch(file, Path(scratch) / "checked.parquet")
            found.append(PartitionArchived(partition, files.begin, files.end, 0))
    return found
