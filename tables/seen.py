"""What a user has met: every item they did anything with that is stronger than an impression or a search.

A click, view, watch, rating, purchase, like, dislike, skip, hide or list entry all count: whoever opened, finished or
refused an item does not want it offered again. An item is remembered for at least the retention behind the partition's
watermark, counted from the last time it was met.
"""

import msgspec

from streams.units import HOUR_MS
from tables.row_codec import RowCodec
from tables.segmented_log import Segment, SegmentedLog

MAX_ITEMS = 50_000
# A meeting is logged again only when the logged one is a week old; in return segments live a week longer.
REFRESH_HOURS = 7 * 24


class SeenRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One segment: the first entry's hour (since the epoch), item ids, and each entry's hour relative to it."""

    version: int
    base_hour: int
    items: list[str]
    hours: list[int]


_CODEC = RowCodec(SeenRow, current=1)


class Seen:
    """The items one user has met. `hours` maps item id to the (logged) event hour of the last meeting, in order of the
    first one; `forgotten` counts removals since the load. `memo` belongs to the reader: a derived value worth keeping
    as long as this object lives."""

    __slots__ = ("forgotten", "hours", "log", "memo")

    def __init__(self, log: SegmentedLog[tuple[str, int]] | None = None) -> None:
        self.log: SegmentedLog[tuple[str, int]] = SegmentedLog() if log is None else log
        self.hours: dict[str, int] = {}
        self.forgotten = 0
        self.memo: object = None
        for item_id, hour in self.log:
            self.hours[item_id] = max(hour, self.hours.get(item_id, hour))

    def __contains__(self, item_id: str) -> bool:
        return item_id in self.hours

    def __len__(self) -> int:
        return len(self.hours)

    def meet(self, item_id: str, timestamp_ms: int) -> None:
        """Remember that the user met `item_id` at event time `timestamp_ms`."""
        hour = timestamp_ms // HOUR_MS
        known = self.hours.get(item_id)
        if known is not None and hour - known < REFRESH_HOURS:
            return
        self.hours[item_id] = hour
        self.log.append((item_id, hour), hour)
        if len(self.log) > MAX_ITEMS:
            self._drop_oldest()

    def forget_before(self, horizon_ms: int) -> None:
        """Drop whole segments last met before `horizon_ms` (watermark minus retention); the open one stays."""
        log = self.log
        horizon_hour = horizon_ms // HOUR_MS - REFRESH_HOURS
        while len(log.segments) > 1 and log.segments[0].newest < horizon_hour:
            self._drop_oldest()

    def _drop_oldest(self) -> None:
        for item_id, hour in self.log.drop_oldest().entries:
            if self.hours.get(item_id) == hour:
                del self.hours[item_id]
                self.forgotten += 1


def encode_segment(segment: Segment[tuple[str, int]]) -> bytes:
    """The row of one segment."""
    base_hour = segment.entries[0][1]
    return _CODEC.encode(
        SeenRow(
            1,
            base_hour,
            [item_id for item_id, _ in segment.entries],
            [hour - base_hour for _, hour in segment.entries],
        ),
    )


def decode_segment(value: bytes) -> Segment[tuple[str, int]]:
    """The segment in a row. Raises RowVersionError on a newer format."""
    row = _CODEC.decode(value)
    hours = [row.base_hour + hour for hour in row.hours]
    return Segment(list(zip(row.items, hours, strict=True)), max(hours))
