"""A snapshot is used whole or not at all; whatever is wrong with one is said by its name."""

from pathlib import Path

import msgspec
import pytest

from agents.followers.erasures import Erasures
from agents.retention.record_files import plain_record, read_rows, write_rows
from agents.retention.storage import sha256_of
from offline.snapshots.manifest import Manifest
from ops.operator.archive.erasure import KnownErasures
from ops.operator.snapshots.erasure import SnapshotErasure
from ops.operator.snapshots.list import listed
from ops.operator.snapshots.store import NoSnapshot, SnapshotStore, entry_of
from streams.contract.erasure import ErasureMarker
from streams.contract.events import EventType, Interaction
from streams.contract.identities import PLAIN, Identities
from tables import partition_row, user_keys
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_767_225_600_000


def rows_of(*users: str) -> dict[bytes, bytes]:
    store: dict[bytes, bytes] = {}
    plane = UserPlane(0, 1, store, FoldLimits())
    for offset, user in enumerate(users):
        event = Interaction(f"e{offset}", EventType.VIEW, user, "i1", NOW_MS, country="FR")
        plane.fold(event, user.encode(), offset, NOW_MS)
    plane.changes()
    return store


@pytest.fixture
def store(tmp_path: Path) -> SnapshotStore:
    return SnapshotStore(str(tmp_path / "storage"), "demo")


def put(store: SnapshotStore, scratch: Path, name: str, rows: dict[bytes, bytes]) -> Manifest:
    local = scratch / "rows"
    entry = entry_of("users", 0, write_rows(local, rows.items()), local)
    store.put(name, entry.name, local)
    fingerprint: dict[str, dict[str, str | float]] = {"files": {}, "settings": {"user_id_key": "none"}}
    manifest = Manifest(name, "v1", "t", "id", 1, NOW_MS, "me", "earliest", {0: len(rows)}, fingerprint, {}, [entry])
    store.complete(manifest, scratch)
    return manifest


def file_of(tmp_path: Path, name: str, pattern: str) -> Path:
    (found,) = (tmp_path / "storage" / "snapshots" / "demo" / name).glob(pattern)
    return found


async def refusal(store: SnapshotStore, name: str) -> str:
    found = {entry.name: entry.refusal for entry in await listed(store, check=True)}
    return found[name]


async def test_a_whole_one_is_listed_and_read(store: SnapshotStore, tmp_path: Path) -> None:
    manifest = put(store, tmp_path, "s1", rows_of("u1", "u2"))
    assert store.names() == ["s1"]
    assert store.manifest("s1") == manifest
    store.fetch(manifest, manifest.files[0], tmp_path / "back")
    assert dict(read_rows(tmp_path / "back")) == rows_of("u1", "u2")
    assert [(entry.name, entry.refusal) for entry in await listed(store, check=True)] == [("s1", "")]
    with pytest.raises(NoSnapshot, match="there is no snapshot s2"):
        store.manifest("s2")


async def test_damage_is_named(store: SnapshotStore, tmp_path: Path) -> None:
    manifest = put(store, tmp_path, "s1", rows_of("u1"))
    put(store, tmp_path, "s2", rows_of("u1"))
    rows = file_of(tmp_path, "s1", "users-*")
    rows.write_bytes(rows.read_bytes() + b"x")
    with pytest.raises(NoSnapshot, match=f"snapshot s1 is damaged: the SHA-256 of {rows.name} is {sha256_of(rows)}"):
        store.fetch(manifest, manifest.files[0], tmp_path / "back")
    assert (await refusal(store, "s1")).startswith("snapshot s1 is damaged")
    assert not await refusal(store, "s2")


async def test_a_missing_file_is_named(store: SnapshotStore, tmp_path: Path) -> None:
    manifest = put(store, tmp_path, "s1", rows_of("u1"))
    file_of(tmp_path, "s1", "users-*").unlink()
    with pytest.raises(NoSnapshot, match=r"snapshot s1 is incomplete: users-.* is missing"):
        store.check_files(manifest)
    assert (await refusal(store, "s1")).startswith("snapshot s1 is incomplete")


async def test_one_that_was_never_finished_is_refused_and_can_be_removed(store: SnapshotStore, tmp_path: Path) -> None:
    put(store, tmp_path, "s1", rows_of("u1"))
    file_of(tmp_path, "s1", "manifest.json").unlink()
    assert await refusal(store, "s1") == "snapshot s1 is incomplete: it has no manifest"
    SnapshotErasure(store, known("u1")).drop()  # somebody may be writing it
    assert SnapshotErasure(store, known("u1")).count(frozenset({b"u1"})) == 1
    store.remove("s1")
    assert store.names() == []


def known(user: str, identities: Identities = PLAIN) -> KnownErasures:
    erasures = Erasures(identities)
    marker = ErasureMarker(user, NOW_MS, 100).encode()
    erasures.apply(plain_record("user.erasure", 0, 7, NOW_MS, user.encode(), marker))
    return KnownErasures(erasures, frozenset({user}), identities)


def test_erased_users_leave_every_snapshot(store: SnapshotStore, tmp_path: Path) -> None:
    for name in ("s1", "s2"):
        put(store, tmp_path, name, rows_of("u1", "u2", "u1"))
    erasure = SnapshotErasure(store, known("u1"))
    assert erasure.count(frozenset({b"u1"})) == 2
    assert erasure.drop() == 2
    assert erasure.count(frozenset({b"u1"})) == erasure.drop() == 0
    assert len(store.files("s1")) == 2, "the former file is gone"
    manifest = store.manifest("s1")
    store.fetch(manifest, manifest.files[0], tmp_path / "back")
    left = dict(read_rows(tmp_path / "back"))
    of_others = {key: row for key, row in rows_of("u1", "u2", "u1").items() if key[1:] == b"u2"}
    assert {key: row for key, row in left.items() if key != user_keys.PARTITION} == of_others
    noted = partition_row.CODEC.decode(left[user_keys.PARTITION])
    assert (noted.erased, noted.erasures_applied) == (2, 8)


def test_a_snapshot_under_another_secret_is_not_taken_for_clean(store: SnapshotStore, tmp_path: Path) -> None:
    put(store, tmp_path, "s1", rows_of("u1"))
    with pytest.raises(NoSnapshot, match="snapshot s1 names users with the secret none"):
        SnapshotErasure(store, known("u1", Identities(b"x" * 32))).drop()


def test_a_damaged_snapshot_is_not_taken_for_clean(store: SnapshotStore, tmp_path: Path) -> None:
    manifest = put(store, tmp_path, "s1", rows_of("u1"))
    assert msgspec.json.decode(file_of(tmp_path, "s1", "manifest.json").read_bytes())["sha256"]
    (tmp_path / "storage" / "snapshots" / "demo" / "s1" / manifest.files[0].name).write_bytes(b"PAR1")
    with pytest.raises(NoSnapshot, match="snapshot s1 is damaged"):
        SnapshotErasure(store, known("u1")).drop()
