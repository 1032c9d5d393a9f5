"""Anybody's log: one CSV or Parquet file of events, and one of items if there is."""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from offline.datasets.column_map import EVENT_FIELDS, ITEM_FIELDS, ColumnMap
from offline.datasets.dataset import DatasetError
from offline.datasets.rows import EventRow, ItemRow, ProfileRow
from offline.datasets.table_file import table_rows
from offline.datasets.times import TimeUnit, detect, milliseconds_of

_LEAST_RATING, _BEST_RATING = 0.5, 5.0


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file and what its columns are."""

    path: Path
    columns: ColumnMap

    def rows(self, fields: tuple[str, ...]) -> Iterator[tuple[int, dict[str, Any]]]:
        """(row number, values by field), for those of `fields` that the file has."""
        present = [field for field in fields if field in self.columns.columns]
        for number, values in table_rows(self.path, [self.columns.columns[field] for field in present]):
            yield number, dict(zip(present, values, strict=True))


@dataclass(frozen=True, slots=True)
class OwnFiles:
    """`events_file` must have a user, an item and a time in each row; with a rating the events are ratings, without
    they are views."""

    events_file: TableFile
    items_file: TableFile | None = None

    def events(self) -> Iterator[EventRow]:
        """All events by time; of one instant in the order of the file."""
        yield from sorted(self._events(), key=lambda event: event.timestamp)

    def _events(self) -> Iterator[EventRow]:
        file = self.events_file
        unit = file.columns.time_unit
        for number, values in file.rows(EVENT_FIELDS):
            try:
                unit = detect(values["time"]) if unit is None else unit
                yield _event(f"{file.path.stem}:{number}", values, unit)
            except ValueError as problem:
                raise DatasetError(f"{file.path}, row {number}: {problem}") from None

    def items(self) -> Iterator[ItemRow]:
        """All items of the items file; of a file without items none."""
        if self.items_file is None:
            return
        for number, values in self.items_file.rows(ITEM_FIELDS):
            try:
                yield _item(values)
            except ValueError as problem:
                raise DatasetError(f"{self.items_file.path}, row {number}: {problem}") from None

    def profiles(self) -> Iterator[ProfileRow]:
        """None: files of people are not read."""
        return iter(())


def _event(event_id: str, values: dict[str, Any], unit: TimeUnit) -> EventRow:
    user, item = _id(values, "user"), _id(values, "item")
    timestamp_ms = milliseconds_of(values["time"], unit)
    if "rating" not in values:
        return EventRow(event_id, "view", user, timestamp_ms, item_id=item)
    try:
        rating = float(values["rating"])
    except (TypeError, ValueError):
        raise ValueError(f"rating {values['rating']!r} is not a number") from None
    if not _LEAST_RATING <= rating <= _BEST_RATING:
        raise ValueError(f"rating {rating:g} is not between {_LEAST_RATING:g} and {_BEST_RATING:g}")
    return EventRow(event_id, "rating", user, timestamp_ms, item_id=item, rating=rating)


def _id(values: dict[str, Any], field: str) -> str:
    value = values[field]
    if value is None:
        raise ValueError(f"no {field}")
    return str(int(value)) if isinstance(value, float) and value.is_integer() else str(value)


def _item(values: dict[str, Any]) -> ItemRow:
    year = values.get("year")
    return ItemRow(
        _id(values, "item"),
        str(values.get("title") or values["item"]),
        genres=_names(values.get("genres")),
        cast=_names(values.get("cast")),
        director=values.get("director"),
        year=None if year is None else int(year),
        language=values.get("language"),
        description=values.get("description"),
    )


def _names(value: Any) -> tuple[str, ...]:
    """Names in one value, separated by `|`, or a list of them."""
    if value is None:
        return ()
    names = value.split("|") if isinstance(value, str) else value
    return tuple(name.strip() for name in names if name.strip())
