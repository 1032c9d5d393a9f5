"""Every reason to refuse a snapshot, by name."""

import msgspec
import pytest

from offline.snapshots.manifest import (
    FileEntry,
    Manifest,
    SnapshotRefused,
    check_fingerprint,
    check_offsets,
    check_rows,
    check_topic,
    seal,
    unseal,
)

MANIFEST = Manifest(
    name="s1",
    version="v1",
    topic="user.interactions",
    topic_id="id-1",
    partitions=2,
    created_ms=1,
    who="me@here",
    reads_from="earliest",
    offsets={0: 100, 1: 250},
    fingerprint={"files": {"tables/a.py": "00"}, "settings": {"partitions": 2}},
    row_versions={"users": 1, "partitions": 2},
    files=[FileEntry("users-00000-ab.parquet", "users", 0, 10, 1_000, "ab"), FileEntry("x", "items", 1, 5, 10, "cd")],
)


def test_a_manifest_comes_back() -> None:
    assert unseal("s1", seal(MANIFEST)) == MANIFEST
    assert (MANIFEST.rows, MANIFEST.bytes) == (15, 1_010)


def test_every_changed_byte_is_noticed() -> None:
    data = seal(MANIFEST)
    for place in range(len(data)):
        changed = data[:place] + bytes([data[place] ^ 1]) + data[place + 1 :]
        with pytest.raises(SnapshotRefused, match="snapshot s1 is damaged"):
            unseal("s1", changed)


def test_an_unfinished_one_is_named() -> None:
    with pytest.raises(SnapshotRefused, match="snapshot s1 is incomplete"):
        unseal("s1", None)
    with pytest.raises(SnapshotRefused, match="snapshot s1 is damaged"):
        unseal("s1", seal(MANIFEST)[:-5])


def test_another_format_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="snapshot s1 has the format 2, this release reads 1"):
        unseal("s1", seal(msgspec.structs.replace(MANIFEST, format=2)))


def test_newer_rows_are_refused_and_older_ones_taken() -> None:
    check_rows(MANIFEST, {"users": 1, "partitions": 2})
    check_rows(MANIFEST, {"users": 3, "partitions": 2})
    with pytest.raises(SnapshotRefused, match=r"s1 was written by a later release: it has newer rows of partitions\Z"):
        check_rows(MANIFEST, {"users": 1, "partitions": 1})


def test_another_partition_count_is_refused() -> None:
    check_topic(MANIFEST, "user.interactions", "id-1", 2)
    with pytest.raises(SnapshotRefused, match=r"with 2 partitions, this is user\.interactions with 4"):
        check_topic(MANIFEST, "user.interactions", "id-1", 4)
    with pytest.raises(SnapshotRefused, match=r"this is demo\.user\.interactions"):
        check_topic(MANIFEST, "demo.user.interactions", "id-1", 2)


def test_a_topic_that_was_made_again_is_refused() -> None:
    with pytest.raises(SnapshotRefused, match="snapshot s1 is of another log"):
        check_topic(MANIFEST, "user.interactions", "id-2", 2)


def test_a_gap_and_another_log_are_refused() -> None:
    check_offsets(MANIFEST, begins={0: 100, 1: 0}, ends={0: 100, 1: 250})
    with pytest.raises(SnapshotRefused, match="offset 100 of partition 0 and what is left begins at 101: events are"):
        check_offsets(MANIFEST, begins={0: 101, 1: 0}, ends={0: 500, 1: 500})
    with pytest.raises(SnapshotRefused, match=r"another log: it was made at offset 250 of partition 1, .* ends at 9"):
        check_offsets(MANIFEST, begins={0: 0, 1: 0}, ends={0: 500, 1: 9})


def test_other_code_is_refused_unless_it_is_wanted() -> None:
    check_fingerprint(MANIFEST, [], inexact=False)
    with pytest.raises(SnapshotRefused, match=r"s1 were made by .*: tables/a.py differs\. With --inexact"):
        check_fingerprint(MANIFEST, ["tables/a.py differs"], inexact=False)
    check_fingerprint(MANIFEST, ["tables/a.py differs", "list_size is 5, the version's is 6"], inexact=True)
    for fatal in ("partitions is 4, the version's is 2", "user_id_key is a, the version's is none"):
        with pytest.raises(SnapshotRefused, match=f"{fatal}\\Z"):
            check_fingerprint(MANIFEST, ["tables/a.py differs", fatal], inexact=True)
