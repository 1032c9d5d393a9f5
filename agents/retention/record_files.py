"""Records of a topic, or rows of a table, as Parquet files. pyarrow comes with the extra `retention`."""

from collections.abc import Collection, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from types import MappingProxyType, TracebackType
from typing import Any, BinaryIO, Self

from aiokafka.structs import ConsumerRecord

from agents.retention import user_index
from agents.retention.blanking import BlankedRecord, blank_record
from agents.retention.damage import damage_of, damaged_record
from agents.retention.errors import StorageError
from agents.retention.user_index import encoded, hash_of
from streams.contract.events import InvalidEvent, parse_interaction

#: Of the files' columns. Files of a higher one are refused; one that is raised comes with a reader of the former.
FILE_FORMAT = 2  # 2: records that cannot be read
_READABLE_FORMATS = ("1", "2")
_FORMAT_KEY = b"freshet.format"
#: How many records of a file are no events of whom their keys say, so that an index of users cannot say whom they name.
_UNUSABLE_KEY = b"freshet.unusable"
#: A group of rows is held in memory; values of 64 KiB make it this many times that at worst.
GROUP_ROWS = 4_096


@dataclass(frozen=True, slots=True)
class ArchivedRecord:
    """A record and the users that it names."""

    record: ConsumerRecord
    users: Sequence[str] = ()


def plain_record(
    topic: str,
    partition: int,
    offset: int,
    append_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: Sequence[tuple[str, bytes]] = (),
) -> ConsumerRecord:
    """A record as a consumer gives it; `append_ms` is its timestamp."""
    return ConsumerRecord(topic, partition, offset, append_ms, 1, key, value, None, -1, -1, tuple(headers))


class RecordWriter:
    """Writes one file of records: `with RecordWriter(path) as writer: writer.add(kept)`."""

    def __init__(self, path: Path) -> None:
        self._file = _Writer(path, _record_schema())
        self._users: set[bytes] = set()
        self._unusable = 0
        self.rows = 0

    def __enter__(self) -> Self:
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._file.close({**encoded(self._users), _UNUSABLE_KEY: b"%d" % self._unusable})

    def add(self, kept: ArchivedRecord) -> None:
        """Takes the next record."""
        record, is_blank = kept.record, isinstance(kept.record, BlankedRecord)
        self.rows += 1
        self._users.update(map(hash_of, kept.users))
        self._unusable += not is_blank and not is_event(record)
        self._file.add(
            {
                "offset": record.offset,
                "append_ms": record.timestamp,
                "key": record.key,
                "value": record.value,
                "headers": [{"name": name, "value": value} for name, value in record.headers],
                "users": list(kept.users),
                "erased": is_blank,
                "event_ms": record.event_ms if is_blank else None,
                "damage": damage_of(record),
            }
        )


def read_records(path: Path, topic: str, partition: int) -> Iterator[list[ArchivedRecord]]:
    """Records in order, a group at a time, as if consumed from `topic`. Raises `StorageError` on another format."""
    for columns in _groups(path):
        yield [_kept(topic, partition, *row) for row in zip(*columns, strict=True)]


def may_name(file: BinaryIO, users: Collection[str]) -> bool:
    """Whether the open file may name one of the users, also in a record that is no event; reads no more than its
    footer.

    True also when it has no index, or is damaged: whoever reads it then says so.
    """
    _pyarrow()
    from pyarrow import ArrowException
    from pyarrow.parquet import read_metadata

    try:
        metadata = read_metadata(file).metadata or {}
        return metadata.get(_UNUSABLE_KEY) != b"0" or user_index.may_name(metadata, users)
    except (ArrowException, OSError):
        return True


def is_event(record: ConsumerRecord) -> bool:
    """Whether a record is an event of the user that its key names: then it is about nobody else."""
    try:
        event = parse_interaction(record.value, record.timestamp)
    except InvalidEvent:
        return False
    return bool(record.key == event.user_id.encode())


def write_rows(path: Path, rows: Iterable[tuple[bytes, bytes]]) -> int:
    """Writes a table's rows; returns their number."""
    file, count = _Writer(path, _row_schema()), 0
    try:
        for key, value in rows:
            file.add({"key": key, "value": value})
            count += 1
    finally:
        file.close()
    return count


def read_rows(path: Path) -> Iterator[tuple[bytes, bytes]]:
    """What `write_rows` wrote. Raises `StorageError` on another format."""
    for keys, values in _groups(path):
        yield from zip(keys, values, strict=True)


def _kept(
    topic: str,
    partition: int,
    offset: int,
    append_ms: int,
    key: bytes | None,
    value: bytes | None,
    headers: list[dict[str, Any]],
    users: list[str],
    erased: bool,
    event_ms: int | None,
    damage: str | None = None,
) -> ArchivedRecord:
    """Takes the columns of `_record_schema` in their order; a file of format 1 has no damage."""
    if erased:
        return ArchivedRecord(blank_record(topic, partition, offset, append_ms, event_ms))
    if damage is not None:
        return ArchivedRecord(damaged_record(topic, partition, offset, append_ms, key, value, damage), users)
    pairs = [(header["name"], header["value"]) for header in headers]
    return ArchivedRecord(plain_record(topic, partition, offset, append_ms, key, value, pairs), users)


class _Writer:
    """Groups rows, so that a file of any size takes the memory of one group."""

    def __init__(self, path: Path, schema: Any) -> None:
        from pyarrow.parquet import ParquetWriter

        self._schema = schema
        self._writer = ParquetWriter(path, schema, compression="zstd")
        self._rows: list[dict[str, Any]] = []

    def add(self, row: dict[str, Any]) -> None:
        self._rows.append(row)
        if len(self._rows) >= GROUP_ROWS:
            self._flush()

    def close(self, metadata: Mapping[bytes, bytes] = MappingProxyType({})) -> None:
        self._flush()
        self._writer.add_key_value_metadata(dict(metadata))
        self._writer.close()

    def _flush(self) -> None:
        from pyarrow import Table

        if self._rows:
            self._writer.write_table(Table.from_pylist(self._rows, schema=self._schema))
            self._rows = []


def _groups(path: Path, columns: list[str] | None = None) -> Iterator[list[list[Any]]]:
    """The columns of a group of rows at a time; all of them, or those named."""
    _pyarrow()
    from pyarrow import ArrowException
    from pyarrow.parquet import ParquetFile

    try:
        with ParquetFile(path) as file:
            _check_format(path, file.schema_arrow.metadata or {})
            for batch in file.iter_batches(GROUP_ROWS, columns=columns):
                yield [column.to_pylist() for column in batch.columns]
    except ArrowException as problem:
        raise StorageError(f"{path.name} cannot be read: {problem}") from None


def _check_format(path: Path, metadata: dict[bytes, bytes]) -> None:
    found = metadata.get(_FORMAT_KEY, b"none").decode(errors="replace")
    if found not in _READABLE_FORMATS:
        raise StorageError(f"{path.name} has the file format {found}, this release reads {FILE_FORMAT}")


def _record_schema() -> Any:
    pa = _pyarrow()
    header = pa.struct([("name", pa.string()), ("value", pa.binary())])
    fields = [
        ("offset", pa.int64()),
        ("append_ms", pa.int64()),
        ("key", pa.binary()),
        ("value", pa.binary()),
        ("headers", pa.list_(header)),
        ("users", pa.list_(pa.string())),
        ("erased", pa.bool_()),
        ("event_ms", pa.int64()),
        ("damage", pa.string()),
    ]
    return pa.schema(fields, metadata={_FORMAT_KEY: str(FILE_FORMAT).encode()})


def _row_schema() -> Any:
    pa = _pyarrow()
    fields = [("key", pa.binary()), ("value", pa.binary())]
    return pa.schema(fields, metadata={_FORMAT_KEY: str(FILE_FORMAT).encode()})


def _pyarrow() -> Any:
    try:
        import pyarrow
    except ImportError:
        raise StorageError("snapshots and archives are Parquet files: pip install 'freshet[retention]'") from None
    return pyarrow
