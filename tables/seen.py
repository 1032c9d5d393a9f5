"""What a user has met: every item they did anything with that is stronger than an impression or a search.

A click, view, watch, rating, purchase, like, dislike, skip, hide or list entry all count: whoever opened, finished or
refused an item does not want it offered again. An item is remembered for at least the retention behind the partition's
watermark, counted from the last time it was met. What an event was counted for was *used*: items count the first use,
and so learn how many different people used them without learning who.
"""

import msgspec

from streams.contract.units import HOUR_MS
from tables.row_codec import RowCodec, Whole
from tables.segmented_log import Segment, SegmentedLog

MAX_ITEMS = 50_000
# A meeting is logged again only when the logged one is a week old; in return segments live a week longer.
REFRESH_HOURS = 7 * 24


class SeenRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One segment: the first entry's hour (since the epoch), item ids, each entry's hour relative to it, and one byte
    each, 1 = used by then (format 2; before it all count as used)."""

    version: int
    base_hour: Whole
    items: list[str]
    hours: list[Whole]
    used: bytes = b""


SEEN_ROW_VERSION = 2
_CODEC = RowCodec(SeenRow, current=SEEN_ROW_VERSION)

#: Item id, hour of a meeting, whether the item was used by then.
Meeting = tuple[str, int, bool]


class Seen:
    """The items one user has met. `hours` maps item id to the (logged) event hour of the last meeting, in order of the
    first one; `used` are those of them that were used; `forgotten` counts removals since the load."""

    __slots__ = ("__weakref__", "forgotten", "hours", "log", "used")  # readers keep what they derive beside it

    def __init__(self, log: SegmentedLog[Meeting] | None = None) -> None:
        self.log: SegmentedLog[Meeting] = SegmentedLog() if log is None else log
        self.hours: dict[str, int] = {}
        self.used: set[str] = set()
        self.forgotten = 0
        for item_id, hour, used in self.log:
            self.hours[item_id] = max(hour, self.hours.get(item_id, hour))
            if used:
                self.used.add(item_id)

    def __contains__(self, item_id: str) -> bool:
        return item_id in self.hours

    def __len__(self) -> int:
        return len(self.hours)

    def meet(self, item_id: str, timestamp_ms: int, *, uses: bool = True) -> bool:
        """Remember that the user met `item_id` at event time `timestamp_ms`; whether that was the first use."""
        hour, used = timestamp_ms // HOUR_MS, self.used
        known = self.hours.get(item_id)
        first = uses and item_id not in used
        if known is not None:
            if hour - known < REFRESH_HOURS and not first:
                return False
            hour = max(hour, known + 1)  # the entries of an item stay in order
        if first:
            used.add(item_id)
        self.hours[item_id] = hour
        log = self.log
        log.append((item_id, hour, first or item_id in used), hour)
        if len(log) > MAX_ITEMS:
            self._drop_oldest()
        return first

    def forget_before(self, horizon_ms: int) -> None:
        """Drop whole segments last met before `horizon_ms` (watermark minus retention); the open one stays."""
        log = self.log
        if len(log.segments) < 2:
            return
        horizon_hour = horizon_ms // HOUR_MS - REFRESH_HOURS
        while len(log.segments) > 1 and log.segments[0].newest < horizon_hour:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        for item_id, hour, _ in self.log.drop_oldest().entries:
            if self.hours.get(item_id) == hour:
                del self.hours[item_id]
                self.used.discard(item_id)
                self.forgotten += 1


def encode_segment(segment: Segment[Meeting]) -> bytes:
    """The row of one segment."""
    base_hour = segment.entries[0][1]
    return _CODEC.encode(
        SeenRow(
            SEEN_ROW_VERSION,
            base_hour,
            [item_id for item_id, _, _ in segment.entries],
            [hour - base_hour for _, hour, _ in segment.entries],
            bytes([used for _, _, used in segment.entries]),
        ),
    )


def decode_segment(value: bytes) -> Segment[Meeting]:
    """The segment in a row. Raises RowVersionError on a newer format."""
    row = _CODEC.decode(value)
    hours = [row.base_hour + hour for hour in row.hours]
    used = [bool(one) for one in row.used] or [True] * len(hours)
    return Segment(list(zip(row.items, hours, used, strict=True)), max(hours))
