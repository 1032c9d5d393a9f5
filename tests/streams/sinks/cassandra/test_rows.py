"""Which rows an event makes, when they count as written, and that what is absent is left out."""

import pytest

from streams.contract.events import EventType, Interaction
from streams.sinks.cassandra.rows import Upsert, Watched, rows_of
from streams.sinks.cassandra.tables import HISTORY, RATINGS, SEARCHES, TABLES, VIEWS
from streams.sinks.sink import Block, Event

AT_MS = 1_790_000_000_123  # 2026-09-21 14:13:20
WATCHED = "watched"


def rows(kind: str, item: str = "i", **fields: object) -> dict[str, Upsert | Watched]:
    event = Interaction("e1", EventType(kind), "u", item, AT_MS, **fields)  # type: ignore[arg-type]
    block = Block("log", 3, 0, 100, (Event(7, AT_MS + 50, event),))
    found = rows_of(block)
    assert all(row[:3] == ("log", 3, 7) for row in found)
    return {row.values.table if isinstance(row.values, Upsert) else WATCHED: row.values for row in found}


@pytest.mark.parametrize(
    ("kind", "tables"),
    [
        *((kind, {HISTORY, VIEWS, WATCHED}) for kind in ("play", "watch_start", "watch_progress", "watch_end")),
        ("view", {VIEWS}),
        ("hide", {WATCHED}),
        *((kind, set()) for kind in ("impression", "click", "like", "dislike", "skip", "purchase", "add_to_list")),
    ],
)
def test_what_an_event_is_a_row_of(kind: str, tables: set[str]) -> None:
    assert set(rows(kind)) == tables


def test_a_rating_and_a_search() -> None:
    rating = rows("rating", rating=3.5)[RATINGS]
    assert isinstance(rating, Upsert)
    assert rating.values == {
        "user_id": "u",
        "rated_at": AT_MS,
        "content_id": "i",
        "rating": 3.5,
        "event_id": "e1",
        "source_partition": 3,
        "source_offset": 7,
    }
    search = rows("search", item="", query="noir", language="nl")[SEARCHES]
    assert isinstance(search, Upsert)
    assert search.values == {
        "user_id": "u",
        "searched_at": AT_MS,
        "query": "noir",
        "event_id": "e1",
        "language": "nl",
        "source_partition": 3,
        "source_offset": 7,
    }
    assert rows("search", item="") == {}


def test_a_view_is_a_row_of_its_day_and_hour() -> None:
    view = rows("view", device_type="tv")[VIEWS]
    assert isinstance(view, Upsert)
    assert (view.values["view_date"], view.values["view_hour"]) == (AT_MS // 86_400_000, 14)
    assert view.values["device_type"] == "tv"


def test_the_write_time_is_the_events_own_in_microseconds_and_below_that_the_offset() -> None:
    for row in rows("watch_progress", completion_pct=3.0).values():
        if isinstance(row, Upsert):
            assert row.write_us == AT_MS * 1000 + 7


def test_rows_hold_columns_of_their_table_and_no_absent_value() -> None:
    columns = {table.name: set(table.columns) for table in TABLES}
    for kind in EventType:
        for row in rows(kind.value, rating=4.0, query="q").values():
            if isinstance(row, Upsert):
                assert set(row.values) <= columns[row.table]
                assert None not in row.values.values()
