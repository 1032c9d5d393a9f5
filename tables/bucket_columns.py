"""Hour buckets as columns, for sums over a window: every (hour, item, country) is one element of four arrays.

Each country has columns of its own, so that a country's trend costs what the country's events are, not what all are.
"""

from collections.abc import Iterable, Mapping
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown

_FIRST_SIZE = 64
_GROW = 1.5

Doubles = NDArray[np.float64]

_EACH_ONE: Mapping[str, int] = MappingProxyType({})


class _Cells:
    """The counts of one country. A replaced or expired count leaves a zero behind, whose place is used again."""

    __slots__ = ("counts", "free", "hours", "items", "used", "weights")

    def __init__(self) -> None:
        self.free: list[int] = []
        self.used = 0
        self.hours = np.zeros(_FIRST_SIZE, np.int32)
        self.items = np.zeros(_FIRST_SIZE, np.int32)
        self.counts = np.zeros(_FIRST_SIZE, np.int32)
        self.weights = np.zeros(_FIRST_SIZE, np.int32)

    def add(self, hour: int, item: int, count: int, weight: int) -> int:
        """The place of a new count of events, which weigh `weight` together."""
        place = self.free.pop() if self.free else self._next()
        self.hours[place], self.items[place] = hour, item
        self.counts[place], self.weights[place] = count, weight
        return place

    def _next(self) -> int:
        if self.used == len(self.counts):
            size = int(self.used * _GROW)
            self.hours, self.items = grown(self.hours, size), grown(self.items, size)
            self.counts, self.weights = grown(self.counts, size), grown(self.weights, size)
        self.used += 1
        return self.used - 1

    def remove(self, place: int) -> None:
        """Forget a count."""
        self.counts[place] = 0
        self.free.append(place)

    def inside(self, now_hour: int, window_h: int) -> NDArray[np.intp]:
        """Places of the counts of the last `window_h` hours."""
        return np.flatnonzero((self.hours[: self.used] > now_hour - window_h) & (self.counts[: self.used] > 0))


class BucketColumns:
    """Counts of events by hour since the epoch, item index and country ("" = unknown), and what they weigh."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], list[tuple[_Cells, int]]] = {}
        self._cells: dict[str, _Cells] = {}
        self._sums: dict[tuple[int, int, float, int], Doubles] = {}  # of all countries, until something changes

    @property
    def capacity(self) -> int:
        """How many counts there is room for."""
        return sum(len(cells.counts) for cells in self._cells.values())

    def put(self, hour: int, item: int, counts: dict[str, int], weights: Mapping[str, int] = _EACH_ONE) -> int:
        """Replace the bucket of an item and hour; empty counts remove it. `weights` are those of countries whose events
        do not weigh 1 each. Returns how many buckets there are more: 1, 0 or -1."""
        self._sums.clear()
        before = self._places.pop((hour, item), [])
        for cells, place in before:
            cells.remove(place)
        if not counts:
            return -1 if before else 0
        places = self._places[hour, item] = []
        for country, count in counts.items():
            cells = self._cells.get(country) or self._cells.setdefault(country, _Cells())
            places.append((cells, cells.add(hour, item, count, weights.get(country, count))))
        return 0 if before else 1

    def decayed(
        self, now_hour: int, window_h: int, half_life_h: float, items: int, countries: frozenset[str] | None = None
    ) -> Doubles:
        """Sums of weight * 0.5^(age / half-life) over the last `window_h` hours, float64[items]; of some countries when
        given. The running hour has age 0; hours ahead of it count as the running one."""
        if countries is not None:
            return self._decayed(now_hour, window_h, half_life_h, items, countries)
        asked = (now_hour, window_h, half_life_h, items)
        if asked not in self._sums:
            self._sums[asked] = self._decayed(*asked, None)
        return self._sums[asked].copy()

    def _decayed(
        self, now_hour: int, window_h: int, half_life_h: float, items: int, countries: frozenset[str] | None
    ) -> Doubles:
        sums = np.zeros(items)
        for cells in self._of(countries):
            inside = cells.inside(now_hour, window_h)
            if len(inside):
                ages = np.maximum(0, now_hour - cells.hours[inside])
                _add(sums, cells.items[inside], cells.weights[inside] * 0.5 ** (ages / half_life_h))
        return sums

    def counted(self, now_hour: int, window_h: int, items: int, countries: frozenset[str] | None = None) -> Doubles:
        """Sums of the counts over the last `window_h` hours, float64[items] of whole numbers."""
        sums = np.zeros(items)
        for cells in self._of(countries):
            inside = cells.inside(now_hour, window_h)
            if len(inside):
                _add(sums, cells.items[inside], cells.counts[inside].astype(np.float64))
        return sums

    def total(self, now_hour: int, window_h: int, countries: frozenset[str]) -> int:
        """All counts of some countries over the last `window_h` hours."""
        return sum(int(cells.counts[cells.inside(now_hour, window_h)].sum()) for cells in self._of(countries))

    def countries(self, now_hour: int, window_h: int) -> list[str]:
        """Countries with counts in the last `window_h` hours, "" = unknown among them, sorted."""
        return sorted(country for country, cells in self._cells.items() if len(cells.inside(now_hour, window_h)))

    def _of(self, countries: frozenset[str] | None) -> Iterable[_Cells]:
        if countries is None:
            return self._cells.values()
        return [cells for country, cells in self._cells.items() if country in countries]


def _add(sums: Doubles, items: NDArray[np.int32], amounts: Doubles) -> None:
    if len(items) * 8 < len(sums):  # a few counts of many items: touch only those
        np.add.at(sums, items, amounts)
    else:
        sums += np.bincount(items, amounts, len(sums))
