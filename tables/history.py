"""The last 100 different items of a user in event-time order, each with what is known of it after all events about it
(tables/engagement_state.py); impressions and searches never enter."""

from itertools import islice, pairwise

import msgspec

from streams.contract.events import EventType
from tables.engagement import CONSUMED_CODES, POSITIVE_CODES
from tables.engagement_state import BEGUN, ENDED, NOT_BEGUN, code_after
from tables.row_codec import Whole
from tables.type_codes import CODE_OF, FINISHED

KNOWN = -1

#: (timestamp_ms, type code)
HistoryEntry = tuple[int, int]

_WATCH_SHIFT, _CODE_MASK = 6, 0x3F
#: Rows of a former format do not say how far a watch has come; then it is what the code says.
_WATCH_OF_CODE = {FINISHED: ENDED} | {
    CODE_OF[kind]: BEGUN for kind in (EventType.WATCH_START, EventType.WATCH_PROGRESS, EventType.WATCH_END)
}


class HistoryRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Oldest first: item ids, event times (the first in ms since the epoch, then the distance to the one before,
    never negative) and one byte each: the type code, and in the upper two bits how far the watch has come."""

    items: list[str]
    times: list[Whole]
    codes: bytes


class History:
    """`entries` maps item id to (timestamp_ms, type code), oldest first; times never decrease; ids are unique. `liked`
    is how many of them are positive. `watches` says how far watching has come, for entries where it was begun."""

    __slots__ = ("_used", "entries", "liked", "limit", "watches")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: dict[str, HistoryEntry] = {}
        self.liked = 0
        self.watches: dict[str, int] = {}
        self._used: list[str] = []  # items of entries that were used, oldest first

    def __len__(self) -> int:
        return len(self.entries)

    def newest_first(self, limit: int) -> list[tuple[str, int, int]]:
        """Up to `limit` entries as (item id, timestamp_ms, type code)."""
        return [(item_id, at, code) for item_id, (at, code) in islice(reversed(self.entries.items()), limit)]

    def visit(self, item_id: str, timestamp_ms: int, code: int, watch: int = NOT_BEGUN) -> int:
        """Enter a visit by an event with `code`, after which watching has come as far as `watch`. Returns how many
        entries are newer than it (0 for an event in order), or KNOWN when the item already was the entry at that place,
        so that nothing was learned about what follows what.

        A repeated item moves to its newest place; a late visit takes its place by event time, after equal times. What
        is known of a repeated item is what `code_after` makes of both.
        """
        entries = self.entries
        newest = next(reversed(entries)) if entries else None
        if newest is not None and timestamp_ms < entries[newest][0]:
            return self._visit_late(item_id, timestamp_ms, code, watch)
        known = self._remove(item_id)
        code = code if known is None else code_after(known[1], code, late=False)
        entries[item_id] = (timestamp_ms, code)
        if code in POSITIVE_CODES:
            self.liked += 1
        if code in CONSUMED_CODES:
            self._used.append(item_id)
        if watch:
            self.watches[item_id] = watch
        if len(entries) > self.limit:
            self._remove(next(iter(entries)))
        return KNOWN if newest == item_id else 0

    def forget_before(self, horizon_ms: int) -> None:
        """Drop what is older."""
        while self.entries:
            oldest = next(iter(self.entries))
            if self.entries[oldest][0] >= horizon_ms:
                return
            self._remove(oldest)

    def _remove(self, item_id: str) -> HistoryEntry | None:
        known = self.entries.pop(item_id, None)
        if known is not None:
            if known[1] in POSITIVE_CODES:
                self.liked -= 1
            if known[1] in CONSUMED_CODES:
                self._used.remove(item_id)
            self.watches.pop(item_id, None)
        return known

    def _visit_late(self, item_id: str, timestamp_ms: int, code: int, watch: int) -> int:
        known = self.entries.get(item_id)
        if watch:
            self.watches[item_id] = watch
        if known is not None and known[0] > timestamp_ms:  # visited again since: that visit's place stands
            code = code_after(known[1], code, late=True)
            self.liked += (code in POSITIVE_CODES) - (known[1] in POSITIVE_CODES)
            self.entries[item_id] = (known[0], code)
            self._note_used()
            return KNOWN
        if known is not None:
            code = code_after(known[1], code, late=False)
        order = list(self.entries.items())
        place = len(order)
        while place and order[place - 1][1][0] > timestamp_ms:
            place -= 1
        repeated = place > 0 and order[place - 1][0] == item_id
        newer = len(order) - place
        older = [entry for entry in order[:place] if entry[0] != item_id]
        self._keep([*older, (item_id, (timestamp_ms, code)), *order[place:]])
        return KNOWN if repeated else newer

    def _keep(self, order: list[tuple[str, HistoryEntry]]) -> None:
        self.entries = dict(order[-self.limit :])
        self.watches = {item_id: watch for item_id, watch in self.watches.items() if item_id in self.entries}
        self.liked = sum(code in POSITIVE_CODES for _, code in self.entries.values())
        self._note_used()

    def _note_used(self) -> None:
        self._used = [item_id for item_id, (_, code) in self.entries.items() if code in CONSUMED_CODES]

    def context(self, newer: int, limit: int) -> list[str]:
        """Up to `limit` used items older than a visit that `visit` placed, newest first; `newer` is what `visit`
        returned."""
        used = self._used
        place = len(used)
        for _, code in islice(reversed(self.entries.values()), newer + 1):
            place -= code in CONSUMED_CODES
        return used[max(0, place - limit) : place][::-1]

    def to_row(self) -> HistoryRow:
        """The stored form."""
        times = [at for at, _ in self.entries.values()]
        steps = [at - before for before, at in pairwise(times)]
        watches = self.watches
        codes = bytes(
            [code | watches.get(item_id, NOT_BEGUN) << _WATCH_SHIFT for item_id, (_, code) in self.entries.items()]
        )
        return HistoryRow(list(self.entries), times[:1] + steps, codes)

    @classmethod
    def from_row(cls, row: HistoryRow, limit: int) -> "History":
        """The history in a row."""
        at = 0
        order, watches = [], {}
        for item_id, step, packed in zip(row.items, row.times, row.codes, strict=True):
            at += step
            code = packed & _CODE_MASK
            order.append((item_id, (at, code)))
            if watch := packed >> _WATCH_SHIFT or _WATCH_OF_CODE.get(code, NOT_BEGUN):
                watches[item_id] = watch
        return cls.of(order, watches, limit)

    @classmethod
    def of(cls, order: list[tuple[str, HistoryEntry]], watches: dict[str, int], limit: int) -> "History":
        """The history of the newest of these entries, which are given oldest first, each item once."""
        history = cls(limit)
        history.watches = watches
        history._keep(order)
        return history
