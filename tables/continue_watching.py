"""What a user has begun to watch and not finished: at most 20 entries, from play, watch_start, watch_progress and
watch_end of any device.

An item leaves when it is done (95 %, or a watch_end that is finished, or one that says neither how far nor how long) or
hidden; watching it again after that starts a new entry. `play` alone, without a figure, begins no entry, because it is
also said of what is no film; it resumes one.

What events say is kept, and what it means is worked out when the list is made, by how long the item is:

    length known       position = percentage * length + seconds watched since the percentage was reported
    length not known   position = seconds watched since it was begun

`watch_duration` is the time watched in one sitting: since the last play or watch_start, or since it last became less.
Sittings are added up, so that a film which is resumed is not back at its first minute.
"""

from collections.abc import Callable
from dataclasses import dataclass

import msgspec

from streams.contract.event_weights import is_finished_watch
from streams.contract.events import EventType, Interaction
from tables.engagement_state import STARTS, WATCHES
from tables.row_codec import Real, Whole

MAX_ENTRIES = 20
DONE_PCT = 95.0

#: Seconds by item id, None = not known.
DurationOf = Callable[[str], float | None]


def unknown_duration(_item_id: str) -> None:
    """No item's length is known."""
    return


@dataclass(frozen=True, slots=True)
class Watching:
    """One unfinished item; `progress_pct` 0..95, `position_s` seconds from the start, `updated_at_ms` event time."""

    item_id: str
    progress_pct: float
    position_s: float
    updated_at_ms: int


class WatchingRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The stored form of one entry. `progress_pct` is the last percentage that was reported, 0 = none; `watched_s` are
    seconds watched since the item was begun, `since_pct_s` those since that percentage, `sitting_s` those of the last
    sitting. It `ended` by a watch_end that gave no percentage."""

    item_id: str
    progress_pct: Real
    watched_s: Real
    updated_at_ms: Whole
    since_pct_s: Real = 0.0
    sitting_s: Real = 0.0
    ended: bool = False


class ContinueWatching:
    """Unfinished items of one user, kept in order of their last update (oldest first inside, newest first outside)."""

    __slots__ = ("_entries",)

    def __init__(self, rows: list[WatchingRow]) -> None:
        self._entries = {row.item_id: row for row in rows}

    def __len__(self) -> int:
        return len(self._entries)

    def newest_first(self, duration_of: DurationOf = unknown_duration) -> list[Watching]:
        """What there is to continue, last watched first."""
        found = [left_of(row, duration_of(row.item_id)) for row in reversed(self._entries.values())]
        return [entry for entry in found if entry is not None]

    def forget_before(self, horizon_ms: int) -> None:
        """Drop what was last watched earlier."""
        while self._entries:
            oldest = next(iter(self._entries.values()))
            if oldest.updated_at_ms >= horizon_ms:
                return
            del self._entries[oldest.item_id]

    def step(self, event: Interaction) -> None:
        """Follow one event. Events older than the entry they speak of are ignored."""
        if event.event_type is EventType.HIDE:
            self._entries.pop(event.item_id, None)
        elif event.event_type in WATCHES:
            self._watch(event)

    def _watch(self, event: Interaction) -> None:
        known = self._entries.get(event.item_id)
        if known is not None and event.timestamp_ms < known.updated_at_ms:
            return
        if known is None and event.event_type is EventType.PLAY and not _measures(event):
            return
        if known is not None:
            del self._entries[event.item_id]
        if not finishes(event):
            self._insert(row_after(known, event))

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


def row_after(known: WatchingRow | None, event: Interaction) -> WatchingRow:
    """The entry after an event that reports a watch and does not finish it. Figures that are not given stay what they
    were: pressing play on another device resumes where the user was."""
    before = known or WatchingRow(event.item_id, 0.0, 0.0, event.timestamp_ms)
    sitting_s = 0.0 if event.event_type in STARTS else before.sitting_s
    reported_s = sitting_s if event.watch_duration_s is None else event.watch_duration_s
    more_s = reported_s - sitting_s if reported_s >= sitting_s else reported_s
    given = event.completion_pct is not None
    return WatchingRow(
        event.item_id,
        event.completion_pct if event.completion_pct is not None else before.progress_pct,
        before.watched_s + more_s,
        event.timestamp_ms,
        0.0 if given else before.since_pct_s + more_s,
        reported_s,
        event.event_type is EventType.WATCH_END and not given,
    )


def left_of(row: WatchingRow, duration_s: float | None) -> Watching | None:
    """What is left of an item of a length, None = nothing."""
    if not duration_s:  # a length of 0 is none
        if row.ended:
            return None
        return Watching(row.item_id, row.progress_pct, row.watched_s, row.updated_at_ms)
    position_s = min(duration_s, row.progress_pct / 100 * duration_s + row.since_pct_s)
    progress_pct = position_s / duration_s * 100
    if progress_pct >= DONE_PCT:
        return None
    return Watching(row.item_id, progress_pct, position_s, row.updated_at_ms)


def finishes(event: Interaction) -> bool:
    """True when nothing is left to continue, however long the item is: 95 % seen, or a watch_end that says finished, or
    one that measures nothing."""
    if event.event_type is EventType.WATCH_END and (not _measures(event) or is_finished_watch(event)):
        return True
    return event.completion_pct is not None and event.completion_pct >= DONE_PCT


def _measures(event: Interaction) -> bool:
    return event.completion_pct is not None or event.watch_duration_s is not None
