"""Where a partition's rows are kept: in memory, or in RocksDB when they are larger than memory.

Neither is durable and neither needs to be: the changelog is the truth, and every new owner restores from it. A store
left behind by a killed process may be ahead of the last committed transaction, so it is thrown away, never reused.
"""

from collections.abc import Iterator, MutableMapping
from pathlib import Path
from typing import Protocol

from rocksdict import Options, Rdict, WriteOptions

from serving.instance import new_instance
from serving.own_folder import OwnFolder

Rows = MutableMapping[bytes, bytes]


class Stores(Protocol):
    """Makes and ends the stores of one process."""

    def open(self, topic: str, partition: int) -> Rows:
        """An empty store for one changelog partition."""

    def close(self, rows: Rows) -> None:
        """Ends a store and frees what it used."""


class MemoryStores:
    """Dictionaries."""

    def open(self, topic: str, partition: int) -> Rows:
        """An empty dictionary."""
        return {}

    def close(self, rows: Rows) -> None:
        """Nothing to do: the garbage collector frees it."""


#: Rows, and bytes of what is on disk and in memory.
_SIZE_PROPERTIES = ("estimate-num-keys", "estimate-live-data-size", "cur-size-active-mem-table")


class RocksRows(MutableMapping[bytes, bytes]):
    """One RocksDB as a mapping; iteration is in key order."""

    def __init__(self, folder: Path) -> None:
        self._folder = str(folder)
        options = Options(raw_mode=True)
        options.create_if_missing(True)
        self._db = Rdict(self._folder, options)
        without_log = WriteOptions()
        # The changelog is the log. (The stub calls this property a method.)
        without_log.disable_wal = True  # type: ignore[method-assign, assignment]
        self._db.set_write_options(without_log)

    def __getitem__(self, key: bytes) -> bytes:
        value: bytes | None = self._db.get(key)
        if value is None:
            raise KeyError(key)
        return value

    def __setitem__(self, key: bytes, value: bytes) -> None:
        self._db.put(key, value)

    def __delitem__(self, key: bytes) -> None:
        if key not in self._db:
            raise KeyError(key)
        self._db.delete(key)

    def __contains__(self, key: object) -> bool:
        return isinstance(key, bytes) and key in self._db

    def __iter__(self) -> Iterator[bytes]:
        yield from self._db.keys()

    def __len__(self) -> int:
        """The number of rows; walks over all of them."""
        return sum(1 for _ in self)

    def estimated_size(self) -> tuple[int, int]:
        """About how many rows there are, and their bytes; asking costs nothing."""
        sizes = [self._db.property_int_value(f"rocksdb.{name}") or 0 for name in _SIZE_PROPERTIES]
        return sizes[0], sum(sizes[1:])

    def destroy(self) -> None:
        """Closes the database and removes its files."""
        self._db.close()
        Rdict.destroy(self._folder)


class RocksStores:
    """RocksDB databases below `folder`/{instance}; see `own_folder`."""

    def __init__(self, folder: Path, instance: str = "") -> None:
        self._own = OwnFolder(folder, instance or new_instance())
        self._opened = 0

    def open(self, topic: str, partition: int) -> Rows:
        """A fresh database for one changelog partition."""
        self._opened += 1
        return RocksRows(self._own.path / f"{topic}-{partition}-{self._opened}")

    def close(self, rows: Rows) -> None:
        """Closes and removes a database that `open` made."""
        if not isinstance(rows, RocksRows):
            raise TypeError(f"not a store of this kind: {type(rows).__name__}")
        rows.destroy()
