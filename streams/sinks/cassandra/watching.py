"""What a user has begun and not finished: which rows of `continue_watching` are written and which are deleted. Pure.

Of a user and an item the newest event counts, by its own time, whatever comes when: it puts the row there, or takes it
away because it finishes the item or hides it. `play` alone, without a figure, is also said of what is no film: it does
neither. The row's key holds the time, so the one before is another row, which is
deleted in the same batch. What the newest event was is kept in `watching_state`, also when there is no row.

A deletion has the time of the event that made the row obsolete, so a row that arrives after its deletion (from a
process that was frozen) stays deleted.
"""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

from streams.contract.event_weights import is_finished_watch
from streams.contract.events import EventType, Interaction
from streams.sinks.cassandra.rows import OFFSET_UNITS, Upsert, Watched, write_us
from streams.sinks.cassandra.tables import WATCHING, WATCHING_STATE

#: Percent from which nothing is left to watch but credits, as in the list that the endpoint serves.
DONE_PCT: Final = 95.0


class State(NamedTuple):
    """The newest that is known of one user and one item: what happened at `last_at_ms`, and whether it `is_over`.
    Figures are those that were reported last since it was begun, 0 = none."""

    last_at_ms: int
    is_over: bool
    watch_duration_s: float = 0.0
    completion_pct: float = 0.0


class Deletion(NamedTuple):
    """One row of `continue_watching` that is not the newest any more, or whose item is over."""

    user_id: str
    last_watched_at_ms: int
    content_id: str
    write_us: int


@dataclass(frozen=True, slots=True)
class WatchingChanges:
    """Of one user. `deletions` and `rows` are of `continue_watching`, `states` of `watching_state`. They are stored
    together or not at all: a state that is there says that the row before it is gone."""

    deletions: Sequence[Deletion]
    rows: Sequence[Upsert]
    states: Sequence[Upsert]


def changes_of(user_id: str, events: Iterable[Watched], known: dict[str, State]) -> WatchingChanges:
    """What the events of a user change, `known` by item."""
    by_item: dict[str, list[Watched]] = {}
    for watched in events:
        by_item.setdefault(watched.event.item_id, []).append(watched)
    deletions: list[Deletion] = []
    rows, states = [], []
    for item_id, theirs in by_item.items():
        before = state = known.get(item_id)
        newest = None
        for watched in sorted(theirs, key=_order):
            after = state_after(state, watched.event)
            if after is not None:
                state, newest = after, watched
        if state is None or newest is None:
            continue
        times = {watched.event.timestamp_ms for watched in theirs} | ({before.last_at_ms} if before else set())
        obsolete = sorted(at_ms for at_ms in times if at_ms < state.last_at_ms or state.is_over)
        deletions += [Deletion(user_id, at_ms, item_id, state_us(state, newest.offset)) for at_ms in obsolete]
        states.append(_state_row(user_id, item_id, state, newest))
        if not state.is_over:
            rows.append(_row(user_id, item_id, state, newest))
    return WatchingChanges(deletions, rows, states)


def state_us(state: State, offset: int) -> int:
    """The write timestamp of everything that a state makes which the record at `offset` led to. What takes a row away
    wins over what puts one there in the same millisecond."""
    return write_us(state.last_at_ms, offset) + OFFSET_UNITS * state.is_over


def state_after(known: State | None, event: Interaction) -> State | None:
    """The state after an event; None = it changes nothing."""
    is_over = event.event_type is EventType.HIDE or finishes(event)
    if known is not None and (event.timestamp_ms, is_over) < (known.last_at_ms, known.is_over):
        return None
    if is_over:
        return State(event.timestamp_ms, True)
    if event.event_type is EventType.PLAY and not _measures(event):
        return None
    before = known or State(0, False)
    return State(
        event.timestamp_ms,
        False,
        before.watch_duration_s if event.watch_duration_s is None else event.watch_duration_s,
        before.completion_pct if event.completion_pct is None else event.completion_pct,
    )


def finishes(event: Interaction) -> bool:
    """True when nothing is left to continue: 95 % seen, or a watch_end that says finished, or one that measures
    nothing."""
    if event.event_type is EventType.WATCH_END and (not _measures(event) or is_finished_watch(event)):
        return True
    return event.completion_pct is not None and event.completion_pct >= DONE_PCT


def _measures(event: Interaction) -> bool:
    return event.completion_pct is not None or event.watch_duration_s is not None


def _order(watched: Watched) -> tuple[int, int]:
    return watched.event.timestamp_ms, watched.offset


def _state_row(user_id: str, item_id: str, state: State, by: Watched) -> Upsert:
    values = {"user_id": user_id, "content_id": item_id, "last_at": state.last_at_ms, "is_over": state.is_over}
    return _upsert(WATCHING_STATE, values | _figures(state, by), state, by)


def _row(user_id: str, item_id: str, state: State, by: Watched) -> Upsert:
    values = {"user_id": user_id, "last_watched_at": state.last_at_ms, "content_id": item_id}
    said = by.event
    of_event = {
        "event_type": said.event_type.value,
        "session_id": said.session_id,
        "device_type": said.device_type,
    }
    return _upsert(WATCHING, values | of_event | _figures(state, by), state, by)


def _figures(state: State, by: Watched) -> dict[str, Any]:
    return {
        "watch_duration_s": state.watch_duration_s,
        "completion_pct": state.completion_pct,
        "source_partition": by.partition,
        "source_offset": by.offset,
    }


def _upsert(table: str, values: dict[str, Any], state: State, by: Watched) -> Upsert:
    given = {name: value for name, value in values.items() if value is not None}
    return Upsert(table, given, state.last_at_ms, state_us(state, by.offset))
