"""Files are whole or not there, in a folder and in a store of objects."""

import hashlib
from pathlib import Path

import fsspec
import pytest

from agents.retention.errors import StorageError
from agents.retention.storage import Storage, sha256_of


@pytest.fixture(params=["folder", "objects"])
def storage(request: pytest.FixtureRequest, tmp_path: Path) -> Storage:
    if request.param == "folder":
        return Storage(str(tmp_path / "not there yet"))
    fsspec.filesystem("memory").store.clear()
    return Storage("memory://bucket/prefix")


def test_a_file_comes_back_with_its_checksum(storage: Storage, tmp_path: Path) -> None:
    local, back = tmp_path / "local", tmp_path / "back"
    local.write_bytes(b"abc" * 1_000_000)
    assert storage.names("a") == []
    storage.put("a/b/c.bin", local)
    storage.put("a/d.bin", local)
    assert storage.names("a") == ["a/b/c.bin", "a/d.bin"]
    assert storage.get("a/b/c.bin", back) == sha256_of(local) == hashlib.sha256(local.read_bytes()).hexdigest()
    assert back.read_bytes() == local.read_bytes()
    storage.remove("a/b/c.bin")
    storage.remove("a/b/c.bin")
    assert storage.names("a") == ["a/d.bin"]
    assert storage.read("a/b/c.bin") is None
    with pytest.raises(StorageError, match=r"c\.bin is missing"):
        storage.get("a/b/c.bin", back)


def test_a_half_written_file_is_none(tmp_path: Path) -> None:
    storage = Storage(str(tmp_path))
    local = tmp_path / "local"
    local.write_bytes(b"new")
    storage.put("kept/file", local)
    (tmp_path / "kept" / ".other.4711").write_bytes(b"half")
    assert storage.names("kept") == ["kept/file"]


def test_an_address_that_is_none_is_said() -> None:
    with pytest.raises(StorageError, match="nowhere://x is no address"):
        Storage("nowhere://x").names("a")
