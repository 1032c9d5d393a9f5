"""The archive of one topic: one file a partition and day, named by the offsets it holds and by its checksum.

There is no list of files that could disagree with the files. A name says all: where the file begins and ends, how often
it was rewritten, and the SHA-256 of its bytes. A file is replaced by one that reaches further (the day went on), or by
the next revision (a user was erased); then the former is removed. A crash in between leaves both, and the names say
which counts.
"""

import re
from collections import defaultdict
from collections.abc import Iterable
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime
from typing import Final

import msgspec

from agents.retention.errors import StorageError

ARCHIVE_FORMAT: Final = 1
ABOUT: Final = "archive.json"
_NAME: Final = re.compile(
    r"day=(\d{4}-\d\d-\d\d)/partition=(\d{5})/(\d{20})-(\d{20})-r(\d{4})-([0-9a-f]{64})\.parquet\Z"
)


class About(msgspec.Struct, frozen=True):
    """What the whole archive has in common; written once. `topic_id` is Kafka's: a topic that was deleted and made
    again has another one."""

    topic: str
    topic_id: str
    partitions: int
    format: int = ARCHIVE_FORMAT


@dataclass(frozen=True, slots=True)
class ArchiveFile:
    """Offsets `first` up to and without `end` of a partition; `day` is the UTC day of appending."""

    day: date
    partition: int
    first: int
    end: int
    revision: int
    sha256: str

    @property
    def name(self) -> str:
        """Relative to the archive's folder."""
        offsets = f"{self.first:020d}-{self.end:020d}-r{self.revision:04d}"
        return f"day={self.day.isoformat()}/partition={self.partition:05d}/{offsets}-{self.sha256}.parquet"

    @classmethod
    def parse(cls, name: str) -> "ArchiveFile | None":
        """The file of a name as above; None for any other name."""
        found = _NAME.match(name)
        if found is None:
            return None
        day, partition, first, end, revision, sha256 = found.groups()
        return cls(date.fromisoformat(day), int(partition), int(first), int(end), int(revision), sha256)

    def revised(self, sha256: str) -> "ArchiveFile":
        """The same offsets, written again."""
        return replace(self, revision=self.revision + 1, sha256=sha256)


@dataclass(frozen=True, slots=True)
class PartitionFiles:
    """`chain` holds every offset once, in order; `superseded` are files that a crash left behind."""

    chain: list[ArchiveFile]
    superseded: list[ArchiveFile]

    @property
    def begin(self) -> int:
        """The first offset."""
        return self.chain[0].first

    @property
    def end(self) -> int:
        """The offset after the last one."""
        return self.chain[-1].end


def chained(files: Iterable[ArchiveFile]) -> dict[int, PartitionFiles]:
    """By partition. Raises `StorageError`, which names the offsets that are missing between two files."""
    by_partition: defaultdict[int, list[ArchiveFile]] = defaultdict(list)
    for file in files:
        by_partition[file.partition].append(file)
    return {partition: _chain(found) for partition, found in sorted(by_partition.items())}


def _chain(files: list[ArchiveFile]) -> PartitionFiles:
    files.sort(key=lambda file: (file.first, -file.end, -file.revision, file.sha256))
    chain: list[ArchiveFile] = []
    superseded = []
    for file in files:
        end = chain[-1].end if chain else file.first
        if file.first < end:
            superseded.append(file)
        elif file.first > end:
            raise StorageError(
                f"the archive lacks offsets {end} to {file.first - 1} of partition {file.partition}, "
                f"between {chain[-1].name} and {file.name}"
            )
        else:
            chain.append(file)
    return PartitionFiles(chain, superseded)


def day_of(append_ms: int) -> date:
    """The UTC day of a time, ms since the epoch."""
    return datetime.fromtimestamp(append_ms / 1000, UTC).date()
