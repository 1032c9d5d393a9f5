"""The last 100 different items of a user in event-time order; impressions and searches never enter."""

from itertools import islice, pairwise

import msgspec

KNOWN = -1


class HistoryRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """Oldest first: item ids, event times (the first in ms since the epoch, then the distance to the one before,
    never negative) and one type code byte each."""

    items: list[str]
    times: list[int]
    codes: bytes


class History:
    """`entries` maps item id to (timestamp_ms, type code), oldest first; times never decrease; ids are unique."""

    __slots__ = ("entries", "limit")

    def __init__(self, limit: int) -> None:
        self.limit = limit
        self.entries: dict[str, tuple[int, int]] = {}

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
        if not entries:
            entries[item_id] = (timestamp_ms, code)
            return 0
        newest = next(reversed(entries))
        if timestamp_ms < entries[newest][0]:
            return self._visit_late(item_id, timestamp_ms, code)
        if newest == item_id:
            entries[item_id] = (timestamp_ms, code)
            return KNOWN
        entries.pop(item_id, None)
        entries[item_id] = (timestamp_ms, code)
        if len(entries) > self.limit:
            del entries[next(iter(entries))]
        return 0

    def _visit_late(self, item_id: str, timestamp_ms: int, code: int) -> int:
        known = self.entries.get(item_id)
        if known is not None and known[0] > timestamp_ms:
            return KNOWN  # visited again since: the newer visit stands
        order = list(self.entries.items())
        place = len(order)
        while place and order[place - 1][1][0] > timestamp_ms:
            place -= 1
        newer = len(order) - place
        repeated = place > 0 and order[place - 1][0] == item_id
        order.insert(place, (item_id, (timestamp_ms, code)))
        if known is not None:
            order.remove((item_id, known)) if known != (timestamp_ms, code) else order.pop(place)
        self.entries = dict(order[-self.limit :])
        return KNOWN if repeated else newer

    def context(self, newer: int, limit: int, positive: frozenset[int]) -> list[tuple[str, int]]:
        """Up to `limit` (item id, type code) of positive entries older than a visit that `visit` placed, newest
        first; `newer` is what `visit` returned."""
        found: list[tuple[str, int]] = []
        for item_id, (_, code) in islice(reversed(self.entries.items()), newer + 1, None):
            if code in positive:
                found.append((item_id, code))
                if len(found) == limit:
                    break
        return found

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
        for item_id, step, code in zip(row.items, row.times, row.codes, strict=True):
            at += step
            history.entries[item_id] = (at, code)
        return history
