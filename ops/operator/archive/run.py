"""One run of `freshet archive`: what came since, then what was erased meanwhile."""

from dataclasses import dataclass
from datetime import date
from pathlib import Path
from tempfile import TemporaryDirectory
from typing import Any

from agents.retention.archive_files import chained
from agents.retention.archive_store import ArchiveStore
from ops.operator.archive.erasure import ArchiveErasure, read_erasures
from ops.operator.archive.write import PartitionArchived, archive
from streams.contract.identities import Identities
from streams.kafka.topics import Topics


@dataclass(frozen=True, slots=True)
class ArchiveRun:
    """What the archive holds now; `blanked` records were blanked by this run, `aged` files removed."""

    partitions: list[PartitionArchived]
    blanked: int
    aged: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values."""
        return {
            "partitions": [found.as_dict() for found in self.partitions],
            "blanked": self.blanked,
            "aged": self.aged,
        }


async def run_archive(
    bootstrap: str,
    storage_url: str,
    topics: Topics,
    identities: Identities,
    *,
    only_check: bool,
    before: date = date.min,
) -> ArchiveRun:
    """Archives what came, and removes files of days `before` one.

    Raises `CannotArchive`, `StorageError` and `TopicMissing`."""
    store = ArchiveStore(storage_url, topics.namespace, topics.interactions)
    known_files = set() if only_check else set(store.files())
    found = check_files(store) if only_check else await archive(bootstrap, topics, store)
    aged = 0 if only_check else store.forget_before(before)
    # After the files are in place: whoever is erased from now on finds them, whoever was before is found here.
    known = await read_erasures(bootstrap, topics, identities)
    written = set(store.files()) - known_files
    return ArchiveRun(found, ArchiveErasure(store, topics.interactions, known).blank(written), aged)


def check_files(store: ArchiveStore) -> list[PartitionArchived]:
    """Reads every file. Raises `StorageError` on a damaged one and on a gap."""
    found = []
    with TemporaryDirectory() as scratch:
        for partition, files in chained(store.files()).items():
            for file in files.chain:
                store.fetch(file, Path(scratch) / "checked.parquet")
            found.append(PartitionArchived(partition, files.begin, files.end, 0))
    return found
