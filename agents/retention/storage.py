"""A folder or a bucket of files, each whole or not there. Everything is named relative to one address."""

import hashlib
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import Any, BinaryIO, NamedTuple

import fsspec

from agents.retention.errors import StorageAddressError, StorageError

_CHUNK_BYTES = 1 << 20


class Storage:
    """`url` is a path or what fsspec takes (`s3://bucket/prefix`); it is looked at with the first use. Missing folders
    are made by the first file. Every method raises `StorageError` when the address is none."""

    def __init__(self, url: str) -> None:
        self.url = url

    @cached_property
    def _place(self) -> "_Place":
        try:
            fs, root = fsspec.url_to_fs(self.url)
        except (ImportError, ValueError) as problem:
            raise StorageAddressError(f"{self.url} is no address of a folder or bucket: {problem}") from None
        protocols = (fs.protocol,) if isinstance(fs.protocol, str) else fs.protocol
        return _Place(fs, str(root).rstrip("/"), "file" in protocols)

    def names(self, folder: str) -> list[str]:
        """Every file below `folder`, in order; none when there is no such folder. Half-written ones do not count."""
        self._place.fs.invalidate_cache()
        found: list[str] = self._place.fs.find(self._path(folder))
        names = (path.removeprefix(f"{self._place.root}/") for path in found)
        return sorted(name for name in names if not name.rpartition("/")[2].startswith("."))

    def put(self, name: str, local: Path) -> None:
        """Copies a local file; readers see all of it or nothing, and after a crash so do we."""
        path = self._path(name)
        if not self._place.is_local:
            self._place.fs.put_file(str(local), path)  # stores of objects show what is complete
            return
        target = Path(path)
        target.parent.mkdir(parents=True, exist_ok=True)
        partial = target.with_name(f".{target.name}.{os.getpid()}")
        with local.open("rb") as source, partial.open("wb") as copy:
            shutil.copyfileobj(source, copy, _CHUNK_BYTES)
            copy.flush()
            os.fsync(copy.fileno())
        partial.replace(target)
        folder = os.open(target.parent, os.O_RDONLY)
        try:
            os.fsync(folder)
        finally:
            os.close(folder)

    def get(self, name: str, local: Path) -> str:
        """Copies a file to `local`; returns its SHA-256 in hex. Raises `StorageError` when it is not there."""
        digest = hashlib.sha256()
        try:
            with self._place.fs.open(self._path(name), "rb") as source, local.open("wb") as copy:
                while chunk := source.read(_CHUNK_BYTES):
                    digest.update(chunk)
                    copy.write(chunk)
        except FileNotFoundError:
            raise StorageError(f"{self.url}/{name} is missing") from None
        return digest.hexdigest()

    @contextmanager
    def opened(self, name: str) -> Iterator[BinaryIO]:
        """A file to read parts of. Raises `StorageError` when it is not there."""
        try:
            with self._place.fs.open(self._path(name), "rb", block_size=_CHUNK_BYTES) as file:
                yield file
        except FileNotFoundError:
            raise StorageError(f"{self.url}/{name} is missing") from None

    def read(self, name: str) -> bytes | None:
        """A small file; None when it is not there."""
        try:
            data: bytes = self._place.fs.cat_file(self._path(name))
        except FileNotFoundError:
            return None
        return data

    def remove(self, name: str) -> None:
        """Removes a file, if it is there."""
        if self._place.fs.exists(self._path(name)):
            self._place.fs.rm_file(self._path(name))

    def _path(self, name: str) -> str:
        return f"{self._place.root}/{name}"


class _Place(NamedTuple):
    fs: Any
    root: str
    is_local: bool


def sha256_of(local: Path) -> str:
    """The SHA-256 of a local file, in hex."""
    with local.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
