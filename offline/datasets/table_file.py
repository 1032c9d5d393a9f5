"""Rows of a CSV or Parquet file, by the names of their columns; text may be packed and in any encoding."""

import csv
import io
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Final

from offline.datasets.bad_rows import BadValue
from offline.datasets.dataset import DatasetError
from offline.datasets.parquet import parquet_rows
from streams.contract.plain_bytes import PlainFile, UnreadableInput

PARQUET_SUFFIXES: Final = (".parquet", ".pq")
_PARQUET_MARK: Final = b"PAR1"
_SEPARATORS: Final = ",;\t|"
_SAID: Final = "sep="


@dataclass(frozen=True, slots=True)
class TextFormat:
    """How a CSV was written, as far as somebody says; None = as the file itself tells."""

    encoding: str | None = None
    delimiter: str | None = None


AS_TOLD: Final = TextFormat()


def table_rows(
    path: Path, columns: Sequence[str], written: TextFormat = AS_TOLD
) -> Iterator[tuple[int, tuple[Any, ...] | BadValue]]:
    """(row number, values of `columns`, or what is wrong with the row); rows count from 1, without the header of a CSV
    and with its empty lines, which are skipped. A value that is absent or empty is None. Raises `DatasetError`."""
    if path.suffix.lower() in PARQUET_SUFFIXES or _is_parquet(path):
        yield from enumerate(parquet_rows(path, columns), start=1)
    else:
        yield from _csv_rows(path, columns, written)


def _is_parquet(path: Path) -> bool:
    try:
        with path.open("rb") as file:
            return file.read(len(_PARQUET_MARK)) == _PARQUET_MARK
    except OSError:
        return False  # whoever reads it says so


def _csv_rows(
    path: Path, columns: Sequence[str], written: TextFormat
) -> Iterator[tuple[int, tuple[Any, ...] | BadValue]]:
    try:
        with (
            PlainFile(path, written.encoding) as plain,
            io.TextIOWrapper(io.BufferedReader(plain), encoding="utf-8", newline="") as lines,
        ):
            header, delimiter = _header(lines, written.delimiter)
            names = [name.strip() for name in next(csv.reader([header], delimiter=delimiter), [])]
            absent = [name for name in columns if name not in names]
            if absent:
                raise DatasetError(
                    f"{path} has no column {', '.join(map(repr, absent))}; its first line has {', '.join(names)}"
                )
            places = [names.index(name) for name in columns]
            yield from _chosen(csv.reader(lines, delimiter=delimiter), places, len(names))
    except UnicodeDecodeError as problem:
        hint = "say what it is with --encoding, for example latin-1"
        raise DatasetError(
            f"{path} is not UTF-8 ({problem.reason} at byte {problem.start} of a piece): {hint}"
        ) from None
    except (OSError, UnreadableInput, csv.Error) as problem:
        raise DatasetError(f"{path} cannot be read: {problem}") from None


def _header(lines: io.TextIOWrapper, said: str | None) -> tuple[str, str]:
    """The line that names the columns, and the delimiter: as said, else as the file says (`sep=;` is what Excel writes
    and reads), else what the names are separated by most."""
    first = lines.readline()
    told = first.strip().strip('"')
    if told.lower().startswith(_SAID) and len(told) <= len(_SAID) + 1:
        said = said or told[len(_SAID) :] or "\t"
        first = lines.readline()
    return first, said or max(_SEPARATORS, key=first.count)


def _chosen(
    rows: Iterator[list[str]], places: list[int], width: int
) -> Iterator[tuple[int, tuple[Any, ...] | BadValue]]:
    for number, row in enumerate(rows, start=1):
        if not row:
            continue
        if len(row) != width:
            yield number, BadValue(f"{len(row)} values instead of {width}")
        else:
            yield number, tuple(row[place].strip() or None for place in places)
