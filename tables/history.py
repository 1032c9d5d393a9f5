"""The last 100 different items of a user in event-time order; impressions and searches never enter."""

from itertools import islice, pairwise

import msgspec

from tables.engagement import CONSUMED_CODES, POSITIVE_CODES

KNOWN = -1

#: (timestamp_ms, type code)
HistoryEntry = tuple[int, int]


class HistoryRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Oldest first: item ids, event times (the first in ms since the epoch, then the distance to the one before,
    never negative) and one type code byte each."""

    items: list[str]
    times: list[int]
    codes: bytes


class History:
    """`entries` maps item id to (timestamp_ms, type code), oldest first; times never decrease; ids are unique. `liked`
    is how many of them are positive."""

    __slots__ = ("entries", "liked", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: dict[str, HistoryEntry] = {}
        self.liked = 0

    def __len__(self) -> int:
        return len(self.entries)

    def newest_first(self, limit: int) -> list[tuple[str, int, int]]:
        """Up to `limit` entries as (item id, timestamp_ms, type code)."""
        return [(item_id, at, code) for item_id, (at, code) in islice(reversed(self.entries.items()), limit)]

    def visit(self, item_id: str, timestamp_ms: int, code: int) -> int:
        """Enter a visit. Returns how many entries are newer than it (0 for an event in order), or KNOWN when the
        item already was the entry at that place, so that nothing was learned about what follows what.

        A repeated item moves to its newest place; a late visit takes its place by event time, after equal times.
        """
        entries = self.entries
        newest = next(reversed(entries)) if entries else None
        if newest is not None and timestamp_ms < entries[newest][0]:
            return self._visit_late(item_id, timestamp_ms, code)
        self._remove(item_id)
        entries[item_id] = (timestamp_ms, code)
        self.liked += code in POSITIVE_CODES
        if len(entries) > self.limit:
            self._remove(next(iter(entries)))
        return KNOWN if newest == item_id else 0

    def _remove(self, item_id: str) -> None:
        known = self.entries.pop(item_id, None)
        if known is not None:
            self.liked -= known[1] in POSITIVE_CODES

    def _visit_late(self, item_id: str, timestamp_ms: int, code: int) -> int:
        known = self.entries.get(item_id)
        if known is not None and known[0] > timestamp_ms:
            return KNOWN  # visited again since: the newer visit stands
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
        self.liked = sum(code in POSITIVE_CODES for _, code in self.entries.values())

    def context(self, newer: int, limit: int) -> list[str]:
        """Up to `limit` used items older than a visit that `visit` placed, newest first; `newer` is what `visit`
        returned."""
        used: list[str] = []
        for item_id, (_, code) in islice(reversed(self.entries.items()), newer + 1, None):
            if code in CONSUMED_CODES:
                used.append(item_id)
                if len(used) == limit:
                    break
        return used

    def to_row(self) -> HistoryRow:
        """The stored form."""
        times = [at for at, _ in self.entries.values()]
        steps = [at - before for before, at in pairwise(times)]
        codes = bytes([code for _, code in self.entries.values()])
        return HistoryRow(list(self.entries), times[:1] + steps, codes)

    @classmethod
    def from_row(cls, row: HistoryRow, limit: int) -> "History":
        """The history in a row."""
        history = cls(limit)
        at = 0
        order = []
        for item_id, step, code in zip(row.items, row.times, row.codes, strict=True):
            at += step
            order.append((item_id, (at, code)))
        history._keep(order)
        return history
