"""Anybody's log: CSV or Parquet files of events, and one of items if there is."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from offline.datasets.bad_rows import BadRows, BadValue
from offline.datasets.column_map import EVENT_FIELDS, ITEM_FIELDS, ColumnMap
from offline.datasets.own_values import SameIds, id_of, names_of, number_of, text_of, year_of
from offline.datasets.rows import EventRow, ItemRow, ProfileRow, encode
from offline.datasets.table_file import AS_TOLD, TextFormat, table_rows
from offline.datasets.times import TimeUnit, detect, milliseconds_of
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import InvalidEvent, parse_interaction

_LEAST_RATING, _BEST_RATING = 0.5, 5.0

T = TypeVar("T")
Row = dict[str, Any]


@dataclass(frozen=True, slots=True)
class TableFile:
    """A file, what its columns are, and how it was written."""

    path: Path
    columns: ColumnMap
    written: TextFormat = AS_TOLD

    def rows(self, fields: tuple[str, ...]) -> Iterator[tuple[int, Row | BadValue]]:
        """(row number, values by field), for those of `fields` that the file has."""
        present = [field for field in fields if field in self.columns.columns]
        for number, values in table_rows(self.path, [self.columns.columns[name] for name in present], self.written):
            yield number, values if isinstance(values, BadValue) else dict(zip(present, values, strict=True))


@dataclass(frozen=True)
class OwnFiles:
    """Each of `events_files` must have a user, an item and a time in each row; with a rating the events are ratings,
    without they are views. `bad` says what becomes of rows that cannot be used."""

    events_files: Sequence[TableFile]
    items_file: TableFile | None = None
    bad: BadRows = field(default_factory=BadRows)

    def events(self) -> Iterator[EventRow]:
        """All events by time; of one instant in the order of the files."""
        events = [event for place, file in enumerate(self.events_files) for event in self._events(place, file)]
        yield from sorted(events, key=lambda event: event.timestamp)

    def _events(self, place: int, file: TableFile) -> Iterator[EventRow]:
        ids = self._ids
        named = f"/{place}/{file.path.stem}" if place else file.path.stem  # files of two folders may have one name
        unit = file.columns.time_unit
        for number, values in file.rows(EVENT_FIELDS):
            told = unit or (detect(values["time"]) if isinstance(values, dict) else TimeUnit.ISO)

            def event(values: Row, number: int = number, told: TimeUnit = told) -> EventRow:
                return _event(f"{named}:{number}", values, told, file.columns, ids)

            made = self._made(file, number, values, event)
            if made is not None:
                unit = told  # a time that could not be read tells nothing about the others
                yield made

    def items(self) -> Iterator[ItemRow]:
        """All items of the items file; of a file without items none."""
        file, ids = self.items_file, self._ids
        if file is None:
            return
        for number, values in file.rows(ITEM_FIELDS):
            made = self._made(file, number, values, lambda values: _item(values, file.columns, ids))
            if made is not None:
                yield made

    def profiles(self) -> Iterator[ProfileRow]:
        """None: files of people are not read."""
        return iter(())

    @cached_property
    def _ids(self) -> SameIds:
        if self.items_file is None:
            return SameIds(())
        rows = (values for _, values in self.items_file.rows(("item",)) if isinstance(values, dict))
        return SameIds({found for values in rows if (found := _id_or_none(values["item"]))})

    def _made(self, file: TableFile, number: int, values: Row | BadValue, make: Callable[[Row], T]) -> T | None:
        """What `make` makes of a row; None when it cannot be used and is skipped."""
        try:
            if isinstance(values, BadValue):
                raise values
            return make(values)
        except BadValue as problem:
            self.bad.add(file.path, number, problem)
            return None


def _event(event_id: str, values: Row, unit: TimeUnit, columns: ColumnMap, ids: SameIds) -> EventRow:
    row = EventRow(
        event_id,
        "view",
        _read(columns, "user", lambda: id_of(values["user"], "user")),
        _read(columns, "time", lambda: milliseconds_of(values["time"], unit)),
        item_id=ids.of_event(_read(columns, "item", lambda: id_of(values["item"], "item"))),
    )
    if "rating" in values:
        row.event_type, row.rating = "rating", _read(columns, "rating", lambda: _rating(values["rating"]))
    try:
        parse_interaction(encode(row), row.timestamp)
    except InvalidEvent as refusal:
        raise BadValue(str(refusal)) from None
    return row


def _item(values: Row, columns: ColumnMap, ids: SameIds) -> ItemRow:
    def text(name: str) -> str | None:
        return _read(columns, name, lambda: text_of(values.get(name), name))

    item_id = _read(columns, "item", lambda: id_of(values["item"], "item"))
    row = ItemRow(
        ids.of_described(item_id),
        text("title") or item_id,
        genres=_read(columns, "genres", lambda: names_of(values.get("genres"), "genres")),
        cast=_read(columns, "cast", lambda: names_of(values.get("cast"), "cast")),
        director=text("director"),
        year=_read(columns, "year", lambda: year_of(values.get("year"))),
        language=text("language"),
        description=text("description"),
    )
    try:
        parse_catalog_item(row.item_id.encode(), encode(row))
    except InvalidEvent as refusal:
        raise BadValue(str(refusal)) from None
    return row


def _read(columns: ColumnMap, field: str, read: Callable[[], T]) -> T:
    """A value of one field; what is wrong with it names the column."""
    try:
        return read()
    except ValueError as problem:
        raise BadValue(str(problem), columns.columns.get(field)) from None


def _rating(value: Any) -> float:
    rating = number_of(value, "rating")
    if not _LEAST_RATING <= rating <= _BEST_RATING:
        raise ValueError(f"rating {rating:g} is not between {_LEAST_RATING:g} and {_BEST_RATING:g}")
    return rating


def _id_or_none(value: Any) -> str | None:
    try:
        return id_of(value, "item")
    except BadValue:
        return None
