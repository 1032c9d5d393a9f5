"""How fast a replay reads and when it will have caught up with a log that goes on growing. Pure."""

from collections import deque
from collections.abc import Collection, Mapping
from dataclasses import asdict, dataclass
from typing import Any

from streams.kafka.partition_times import PartitionTime

#: Rates are means over this time: long enough for batches not to show, short enough to follow a change.
WINDOW_S = 20.0


@dataclass(frozen=True, slots=True)
class Position:
    """Where a replay is at one moment.

    `folded` and `end` are sums over partitions: records before the committed offsets, and before the end of the log;
    `watermark_ms` is the append time before which every partition is folded; `waiting` says whether a record is left (a
    log may end in markers), `caught_up` whether all partitions are, by `streams.kafka.caught_up`. `event_ms` and
    `skew_ms` as of `spread_of`.
    """

    at_s: float
    folded: int
    end: int
    watermark_ms: int
    waiting: bool
    caught_up: bool
    event_ms: int = 0
    skew_ms: int = 0


@dataclass(frozen=True, slots=True)
class ReplayProgress:
    """What is shown.

    `events_per_s` is None until there are two looks; `eta_s` None while the log grows as fast as it is read; `lag_ms`
    is the age of the oldest record that waits, 0 at the head. `event_ms` is the event time that the slowest partition
    has come to (0 = not known), `skew_ms` how far another one is ahead of it.
    """

    folded: int
    total: int
    behind: int
    events_per_s: float | None
    eta_s: float | None
    watermark_ms: int
    lag_ms: int
    event_ms: int = 0
    skew_ms: int = 0

    def as_dict(self) -> dict[str, Any]:
        """Plain JSON values, rounded."""
        values = asdict(self)
        values["events_per_s"] = None if self.events_per_s is None else round(self.events_per_s, 1)
        values["eta_s"] = None if self.eta_s is None else round(self.eta_s, 1)
        return values


def spread_of(times: Mapping[int, PartitionTime], behind: Collection[int]) -> tuple[int, int]:
    """The event time of the slowest of the partitions with records left, and how far another one is ahead of it, ms.
    (0, 0) while there are none, or while one of them has folded nothing.

    >>> spread_of({0: PartitionTime(50), 1: PartitionTime(20, 30), 2: PartitionTime(1)}, {0, 1})
    (30, 20)
    """
    slowest = min(behind, key=lambda number: times[number].ms, default=None)
    if slowest is None or not times[slowest].ms:
        return 0, 0
    event_ms = times[slowest].ms
    return event_ms, max(0, max(time.folded_ms for time in times.values()) - event_ms)


class ReplayRate:
    """`begin` is the sum of the offsets at which the replay began, so that a resumed one shows the whole."""

    def __init__(self, begin: int) -> None:
        self._begin = begin
        self._seen: deque[Position] = deque()

    def add(self, position: Position, now_ms: int) -> ReplayProgress:
        """Takes a later position."""
        self._seen.append(position)
        while len(self._seen) > 2 and position.at_s - self._seen[0].at_s > WINDOW_S:
            self._seen.popleft()
        reading, growing = self._rates()
        behind = position.end - position.folded if position.waiting else 0
        return ReplayProgress(
            folded=max(0, position.folded - self._begin),
            total=max(0, position.end - self._begin),
            behind=behind,
            events_per_s=reading,
            eta_s=_eta_s(behind, reading, growing),
            watermark_ms=position.watermark_ms,
            lag_ms=max(0, now_ms - position.watermark_ms) if position.waiting else 0,
            event_ms=position.event_ms,
            skew_ms=position.skew_ms,
        )

    def _rates(self) -> tuple[float | None, float | None]:
        first, last = self._seen[0], self._seen[-1]
        passed_s = last.at_s - first.at_s
        if passed_s <= 0:
            return None, None
        return (last.folded - first.folded) / passed_s, (last.end - first.end) / passed_s


def _eta_s(behind: int, reading: float | None, growing: float | None) -> float | None:
    if not behind:
        return 0.0
    if reading is None or growing is None or reading <= growing:
        return None
    return behind / (reading - growing)
