"""Rows of an event, by table. Pure.

What overwrites what is decided by write timestamps, in microseconds, and those are the event's own time. So a record
that is sent again, read again or written by a process that woke up late changes nothing, and of two events that
concern one row the later one stays, in whatever order they come. Of two in one millisecond the later one of the log
does: the rest of the microseconds is the offset's. Equal timestamps would not do: of cells that expire Cassandra takes
the one that expires later then, which is, by a second more or less, the one that was sent last.
"""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from typing import Any, Final, NamedTuple

from streams.contract.events import EventType, Interaction
from streams.contract.units import DAY_MS, HOUR_MS
from streams.sinks.cassandra.tables import HISTORY, RATINGS, SEARCHES, VIEWS
from streams.sinks.sink import Block, Event, StoreRow

#: Microseconds of a millisecond: write timestamps are counted in them.
WRITE_TIME_UNITS: Final = 1000
#: How many of them tell records of one millisecond apart; as many again are for what takes a row away.
OFFSET_UNITS: Final = 500
#: Events that say that somebody watches.
WATCHES: Final = frozenset({EventType.PLAY, EventType.WATCH_START, EventType.WATCH_PROGRESS, EventType.WATCH_END})
#: Events that say that somebody looked at an item or watches it.
VIEWED: Final = WATCHES | {EventType.VIEW}


class Upsert(NamedTuple):
    """One row of `table`: `values` by column name, absent ones left out and so left as they are in the store. It
    happened at `event_ms`, from which it expires."""

    table: str
    values: dict[str, Any]
    event_ms: int
    write_us: int


class Watched(NamedTuple):
    """An event that continue-watching follows; see `streams.sinks.cassandra.watching`."""

    event: Interaction
    partition: int
    offset: int


def rows_of(block: Block) -> Sequence[StoreRow]:
    """The rows of a block, in the order of the log."""
    topic, partition = block.topic, block.partition
    return [
        StoreRow(topic, partition, event.offset, row) for event in block.events for row in _of_event(event, partition)
    ]


def write_us(event_ms: int, offset: int = 0) -> int:
    """The write timestamp of what happened then, as the record at `offset` says."""
    return event_ms * WRITE_TIME_UNITS + offset % OFFSET_UNITS


def _of_event(event: Event, partition: int) -> Iterator[Upsert | Watched]:
    said = event.interaction
    source = {"source_partition": partition, "source_offset": event.offset}
    kind, at_ms = said.event_type, said.timestamp_ms

    def row(table: str, values: dict[str, Any]) -> Upsert:
        given = {name: value for name, value in (values | source).items() if value is not None}
        return Upsert(table, given, at_ms, write_us(at_ms, event.offset))

    if kind in VIEWED:
        yield row(VIEWS, _view(said))
    if kind in WATCHES:
        yield row(HISTORY, _by_user(said, "watched_at") | _progress(said) | {"event_type": kind.value} | _of_list(said))
    if kind is EventType.RATING:
        yield row(RATINGS, _by_user(said, "rated_at") | {"rating": said.rating} | _of_list(said))
    if kind is EventType.SEARCH and said.query:
        by_user = _by_user(said, "searched_at")
        del by_user["content_id"]
        yield row(SEARCHES, by_user | {"query": said.query})
    if kind in WATCHES or kind is EventType.HIDE:
        yield Watched(said, partition, event.offset)


def _view(said: Interaction) -> dict[str, Any]:
    return {
        "content_id": said.item_id,
        "view_date": said.timestamp_ms // DAY_MS,  # days since the epoch
        "view_hour": said.timestamp_ms % DAY_MS // HOUR_MS,
        "user_id": said.user_id,
        "viewed_at": said.timestamp_ms,
        "event_type": said.event_type.value,
        **_progress(said),
        **_of_event_itself(said),
    }


def _by_user(said: Interaction, when: str) -> dict[str, Any]:
    of_row = {"user_id": said.user_id, when: said.timestamp_ms, "content_id": said.item_id}
    return of_row | _of_event_itself(said)


def _of_event_itself(said: Interaction) -> dict[str, Any]:
    return {
        "event_id": said.event_id,
        "session_id": said.session_id,
        "device_type": said.device_type,
        "country": said.country,
        "language": said.language,
    }


def _progress(said: Interaction) -> dict[str, Any]:
    return {"watch_duration_s": said.watch_duration_s, "completion_pct": said.completion_pct}


def _of_list(said: Interaction) -> dict[str, Any]:
    return {
        "recommendation_id": said.recommendation_id,
        "experiment_id": said.experiment_id,
        "variant": said.variant,
    }
