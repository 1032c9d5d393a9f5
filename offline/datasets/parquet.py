"""Columns of Parquet files. pyarrow is in the extra `evaluate`: a worker never reads one."""

from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any

from offline.datasets.dataset import DatasetError

_BATCH_ROWS = 65_536


def parquet_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[Any, ...]]:
    """The values of `columns`, row by row; None where a row has none. Raises `DatasetError` when the file is not
    readable or lacks a column, and when pyarrow is not installed."""
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
                yield from zip(*(batch.column(name).to_pylist() for name in columns), strict=True)
    except (OSError, ArrowException) as problem:
        raise DatasetError(f"{path} cannot be read: {problem}") from None
