"""Rows of a CSV or Parquet file, by the names of their columns."""

import csv
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any, Final

from offline.datasets.dataset import DatasetError
from offline.datasets.parquet import parquet_rows

PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_SEPARATORS: Final = ",;\t|"


def table_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    """(row number, values of `columns`); rows count from 1, without the header of a CSV and with its empty
    lines, which are skipped. A value that is absent or
    empty is None. Raises `DatasetError`."""
    if path.suffix.lower() in PARQUET_SUFFIXES:
        yield from enumerate(parquet_rows(path, columns), start=1)
    else:
        yield from _csv_rows(path, columns)


def _csv_rows(path: Path, columns: Sequence[str]) -> Iterator[tuple[int, tuple[Any, ...]]]:
    try:
        with path.open(encoding="utf-8-sig", newline="") as lines:
            header = lines.readline()
            separator = max(_SEPARATORS, key=header.count)
            lines.seek(0)
            rows = csv.reader(lines, delimiter=separator)
            names = [name.strip() for name in next(rows, [])]
            absent = [name for name in columns if name not in names]
            if absent:
                raise DatasetError(
                    f"{path} has no column {', '.join(map(repr, absent))}; its first line has {', '.join(names)}"
                )
            places = [names.index(name) for name in columns]
            yield from _chosen(path, rows, places, len(names))
    except (OSError, UnicodeDecodeError, csv.Error) as problem:
        raise DatasetError(f"{path} cannot be read: {problem}") from None


def _chosen(
    path: Path, rows: Iterator[list[str]], places: list[int], width: int
) -> Iterator[tuple[int, tuple[Any, ...]]]:
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        if len(row) != width:
            raise DatasetError(f"{path}, row {number}: {len(row)} values instead of {width}")
        yield number, tuple(row[place].strip() or None for place in places)
