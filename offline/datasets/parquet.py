"""Columns of Parquet files. pyarrow is in the extra `evaluate`: a worker never reads one."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.datasets.dataset import DatasetError

_BATCH_ROWS = 65_536


@dataclass(frozen=True, slots=True)
class Unreadable:
    """A value that Python has no object for, such as a date in the year 1345382; `text` says what is there."""

    text: str

    def __repr__(self) -> str:
        return self.text


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of `columns`, row by row; None where a row has none, `Unreadable` where Python has no such value.
    Raises `DatasetError` when the file is not readable or lacks a column, and when pyarrow is not installed."""
    try:
        from pyarrow import ArrowException
        from pyarrow.parquet import ParquetFile
    except ImportError:
        raise DatasetError(f"{path} is a Parquet file: pip install 'freshet[evaluate]' to read it") from None
    try:
        with ParquetFile(path) as file:
            absent = [name for name in columns if name not in file.schema_arrow.names]
            if absent:
                present = ", ".join(file.schema_arrow.names)
                raise DatasetError(f"{path} has no column {', '.join(map(repr, absent))}; it has {present}")
            for batch in file.iter_batches(_BATCH_ROWS, columns=list(columns)):
                yield from zip(*(_values(batch.column(name)) for name in columns), strict=True)
    except (OSError, ArrowException) as problem:
        raise DatasetError(f"{path} cannot be read: {problem}") from None


def _values(column: Any) -> list[Any]:
    import pyarrow as pa

    kind = column.type
    if pa.types.is_timestamp(kind) and kind.unit == "ns":  # finer than Python's times; what is cut off says nothing
        column = column.cast(pa.timestamp("us", kind.tz), safe=False)
    try:
        values: list[Any] = column.to_pylist()
    except (ValueError, OverflowError):  # one of them; most columns are read as a whole
        values = [_value(each) for each in column]
    return values


def _value(scalar: Any) -> Any:
    try:
        return scalar.as_py()
    except (ValueError, OverflowError):
        return Unreadable(f"{scalar.type} {getattr(scalar, 'value', '?')}")
