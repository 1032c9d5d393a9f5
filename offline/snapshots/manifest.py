"""What a snapshot says about itself, and every reason to refuse one. Pure.

A snapshot is a cut through the tables of a version: all rows of users at one offset a partition of interactions, all
rows of items and the ranker's weights as far as they had learned from that, and the records between the planes that
they had not. The manifest is written last: a snapshot without one is none.
"""

import hashlib
from collections.abc import Mapping
from typing import Final, Literal

import msgspec

from streams.kafka.log_position import NO_EPOCH, LogNow, LogPosition, log_mismatch

SNAPSHOT_FORMAT: Final = 1
#: Settings without which rows are nobody's: they are never overlooked.
ALWAYS_EQUAL: Final = ("partitions", "user_id_key")

Kind = Literal["users", "items", "ranker", "deltas", "examples"]


class SnapshotRefused(Exception):
    """A snapshot is damaged, incomplete, or not one for this system; the message names it and says why."""


class FileEntry(msgspec.Struct, frozen=True):
    """One file: rows of a table, or records (`deltas`, `examples`) that its plane had not folded."""

    name: str
    kind: Kind
    partition: int
    rows: int
    bytes: int
    sha256: str


class Manifest(msgspec.Struct, frozen=True):
    """`offsets` is by partition of `topic` (`topic_id` is Kafka's): the users' rows contain everything before it.
    `row_versions` are the row formats of the code that wrote the rows, `fingerprint` is its version's."""

    name: str
    version: str
    topic: str
    topic_id: str
    partitions: int
    created_ms: int
    who: str
    reads_from: str
    offsets: dict[int, int]
    fingerprint: dict[str, dict[str, str | int | float]]
    row_versions: dict[str, int]
    files: list[FileEntry]
    format: int = SNAPSHOT_FORMAT
    #: Of the last record before each offset; what the log says of them tells whether it was cut off since.
    leader_epochs: dict[int, int] = {}

    def place(self, partition: int) -> LogPosition:
        """Where the users' rows of a partition are in the log."""
        return LogPosition(self.offsets[partition], self.topic_id, self.leader_epochs.get(partition, NO_EPOCH))

    @property
    def rows(self) -> int:
        """All rows and records."""
        return sum(file.rows for file in self.files)

    @property
    def bytes(self) -> int:
        """All files."""
        return sum(file.bytes for file in self.files)

    def of(self, kind: Kind) -> dict[int, FileEntry]:
        """The files of one kind, by partition."""
        return {file.partition: file for file in self.files if file.kind == kind}


class _Sealed(msgspec.Struct, frozen=True):
    sha256: str
    manifest: msgspec.Raw


class _Format(msgspec.Struct, frozen=True):
    format: int


def seal(manifest: Manifest) -> bytes:
    """The bytes of the manifest file."""
    body = msgspec.json.encode(manifest)
    return msgspec.json.encode(_Sealed(hashlib.sha256(body).hexdigest(), msgspec.Raw(body)))


def unseal(name: str, data: bytes | None) -> Manifest:
    """The manifest of the snapshot `name`; None = there is no such file. Raises `SnapshotRefused`."""
    if data is None:
        raise SnapshotRefused(f"snapshot {name} is incomplete: it has no manifest")
    try:
        sealed = msgspec.json.decode(data, type=_Sealed)
        body = bytes(sealed.manifest)
        if hashlib.sha256(body).hexdigest() != sealed.sha256:
            raise SnapshotRefused(f"snapshot {name} is damaged: its manifest is not what was written")
        found = msgspec.json.decode(body, type=_Format).format
        if found != SNAPSHOT_FORMAT:
            raise SnapshotRefused(f"snapshot {name} has the format {found}, this release reads {SNAPSHOT_FORMAT}")
        return msgspec.json.decode(body, type=Manifest)
    except msgspec.DecodeError as problem:
        raise SnapshotRefused(f"snapshot {name} is damaged: {problem}") from None


def check_rows(manifest: Manifest, known: Mapping[str, int]) -> None:
    """Raises `SnapshotRefused` when rows have a newer format than this code `known`s; older ones are upgraded when they
    are read."""
    newer = [name for name, version in manifest.row_versions.items() if version > known.get(name, 0)]
    if newer:
        raise SnapshotRefused(
            f"snapshot {manifest.name} was written by a later release: it has newer rows of {', '.join(sorted(newer))}"
        )


def check_topic(manifest: Manifest, topic: str, topic_id: str, partitions: int) -> None:
    """Raises `SnapshotRefused` unless the snapshot is of this topic with as many partitions."""
    if (manifest.topic, manifest.partitions) != (topic, partitions):
        raise SnapshotRefused(
            f"snapshot {manifest.name} is of {manifest.topic} with {manifest.partitions} partitions, "
            f"this is {topic} with {partitions}"
        )
    if manifest.topic_id != topic_id:
        raise SnapshotRefused(
            f"snapshot {manifest.name} is of another log: {topic} was deleted and made again, or is on other brokers"
        )


def check_positions(manifest: Manifest, logs: Mapping[int, LogNow]) -> None:
    """Raises `SnapshotRefused` unless each partition's log still holds what the users' rows were made of."""
    for partition, now in sorted(logs.items()):
        place = manifest.place(partition)
        if found := log_mismatch(place, now):
            raise SnapshotRefused(
                f"snapshot {manifest.name} was made at offset {place.offset} of partition {partition} of another log: "
                f"{found.why}"
            )


def check_offsets(manifest: Manifest, begins: Mapping[int, int], ends: Mapping[int, int]) -> None:
    """Raises `SnapshotRefused` unless what follows the snapshot is there: `begins` is where each partition begins, in
    the log or in the archive before it, `ends` where the log ends."""
    for partition, offset in sorted(manifest.offsets.items()):
        if offset > ends[partition]:
            raise SnapshotRefused(
                f"snapshot {manifest.name} is of another log: it was made at offset {offset} of partition {partition}, "
                f"the log ends at {ends[partition]}"
            )
        if offset < begins[partition]:
            raise SnapshotRefused(
                f"snapshot {manifest.name} ends at offset {offset} of partition {partition} and what is left begins at "
                f"{begins[partition]}: events are missing in between. An archive that holds them is read with --archive"
            )


def check_fingerprint(manifest: Manifest, differences: list[str], *, inexact: bool) -> None:
    """Raises `SnapshotRefused` when the rows were made by other folds or settings, which `inexact` overlooks except for
    those that decide whose a row is. `differences` as `agents.versions.fingerprint` words them: the name
    comes first."""
    fatal = [line for line in differences if line.startswith(ALWAYS_EQUAL)]
    if fatal or (differences and not inexact):
        advice = "" if fatal else ". With --inexact they are taken as they are; no replay of the log would give them"
        raise SnapshotRefused(
            f"the rows of snapshot {manifest.name} were made by other folds or settings: "
            f"{'; '.join(fatal or differences)}{advice}"
        )
