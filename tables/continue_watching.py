"""What a user has begun to watch and not finished: at most 20 entries, from watch_start, watch_progress and watch_end
of any device. An item leaves when it is done (95 %, or a watch_end that is finished or gives no percentage) or hidden;
watching it again after that starts a new entry.
"""

from dataclasses import dataclass

import msgspec

from streams.event_weights import is_finished_watch
from streams.events import EventType, Interaction

MAX_ENTRIES = 20
DONE_PCT = 95.0

_WATCHES = frozenset({EventType.WATCH_START, EventType.WATCH_PROGRESS, EventType.WATCH_END})


@dataclass(frozen=True, slots=True)
class Watching:
    """One unfinished item; `progress_pct` 0..95, `position_s` seconds from the start, `updated_at_ms` event time."""

    item_id: str
    progress_pct: float
    position_s: float
    updated_at_ms: int


class WatchingRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The stored form of one entry."""

    item_id: str
    progress_pct: float
    position_s: float
    updated_at_ms: int


class ContinueWatching:
    """Unfinished items of one user, kept in order of their last update (oldest first inside, newest first outside)."""

    __slots__ = ("_entries",)

    def __init__(self, rows: list[WatchingRow]) -> None:
        self._entries = {row.item_id: row for row in rows}

    def __len__(self) -> int:
        return len(self._entries)

    def newest_first(self) -> list[Watching]:
        """The entries, last watched first."""
        return [
            Watching(row.item_id, row.progress_pct, row.position_s, row.updated_at_ms)
            for row in reversed(self._entries.values())
        ]

    def step(self, event: Interaction) -> None:
        """Follow one event. Events older than the entry they speak of are ignored."""
        if event.event_type is EventType.HIDE:
            self._entries.pop(event.item_id, None)
        elif event.event_type in _WATCHES:
            self._watch(event)

    def _watch(self, event: Interaction) -> None:
        known = self._entries.get(event.item_id)
        if known is not None and event.timestamp_ms < known.updated_at_ms:
            return
        if known is not None:
            del self._entries[event.item_id]
        if finishes(event):
            return
        # A start or progress without figures (pressing play on another device) resumes where the user was.
        progress_pct = _given(event.completion_pct, known.progress_pct if known else 0.0)
        position_s = _given(event.watch_duration_s, known.position_s if known else 0.0)
        self._insert(WatchingRow(event.item_id, progress_pct, position_s, event.timestamp_ms))

    def _insert(self, row: WatchingRow) -> None:
        entries = self._entries
        in_order = not entries or next(reversed(entries.values())).updated_at_ms <= row.updated_at_ms
        entries[row.item_id] = row
        if not in_order:
            self._entries = entries = dict(sorted(entries.items(), key=lambda entry: entry[1].updated_at_ms))
        if len(entries) > MAX_ENTRIES:
            del entries[next(iter(entries))]

    def to_rows(self) -> list[WatchingRow]:
        """The stored form, oldest update first."""
        return list(self._entries.values())


def finishes(event: Interaction) -> bool:
    """True when nothing is left to continue: 95 % seen, or a watch_end that says finished or gives no percentage."""
    if event.event_type is EventType.WATCH_END and (event.completion_pct is None or is_finished_watch(event)):
        return True
    return event.completion_pct is not None and event.completion_pct >= DONE_PCT


def _given(value: float | None, otherwise: float) -> float:
    return otherwise if value is None else value
