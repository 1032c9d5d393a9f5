"""Hour buckets as columns, for sums over a window: every (hour, item, country) count is one element of four arrays."""

import numpy as np
from numpy.typing import NDArray

_GROW = 1.5


class BucketColumns:
    """Counts by hour since the epoch, item index and country number. A replaced or expired bucket leaves zeros behind,
    whose places are used again."""

    def __init__(self) -> None:
        self._places: dict[tuple[int, int], list[int]] = {}
        self._free: list[int] = []
        self._used = 0
        self._hours = np.zeros(1024, np.int32)
        self._items = np.zeros(1024, np.int32)
        self._countries = np.zeros(1024, np.int16)
        self._counts = np.zeros(1024, np.int32)
        self.countries: dict[str, int] = {}

    @property
    def capacity(self) -> int:
        """How many counts there is room for."""
        return len(self._counts)

    def put(self, hour: int, item: int, counts: dict[str, int]) -> None:
        """Replace the bucket of an item and hour; empty counts remove it."""
        for place in self._places.pop((hour, item), []):
            self._counts[place] = 0
            self._free.append(place)
        if not counts:
            return
        places = [self._place() for _ in counts]
        for place, (country, count) in zip(places, counts.items(), strict=True):
            self._hours[place] = hour
            self._items[place] = item
            self._countries[place] = self.countries.setdefault(country, len(self.countries))
            self._counts[place] = count
        self._places[hour, item] = places

    def _place(self) -> int:
        if self._free:
            return self._free.pop()
        if self._used == len(self._counts):
            size = int(self._used * _GROW)
            self._hours, self._items = np.resize(self._hours, size), np.resize(self._items, size)
            self._countries, self._counts = np.resize(self._countries, size), np.resize(self._counts, size)
            self._counts[self._used :] = 0
        self._used += 1
        return self._used - 1

    def decayed(
        self, now_hour: int, window_h: int, half_life_h: float, items: int, countries: frozenset[str] | None = None
    ) -> NDArray[np.float64]:
        """Sums of count * 0.5^(age / half-life) over the last `window_h` hours, float64[items]; of some countries when
        given. The running hour has age 0; hours ahead of it count as the running one."""
        inside = self._inside(now_hour, window_h, countries)
        ages = np.maximum(0, now_hour - self._hours[: self._used][inside])
        weights = self._counts[: self._used][inside] * 0.5 ** (ages / half_life_h)
        return np.bincount(self._items[: self._used][inside], weights, items).astype(np.float64, copy=False)

    def counted(
        self, now_hour: int, window_h: int, items: int, countries: frozenset[str] | None = None
    ) -> NDArray[np.float64]:
        """Sums of the counts over the last `window_h` hours, float64[items] of whole numbers."""
        inside = self._inside(now_hour, window_h, countries)
        counts = self._counts[: self._used][inside]
        return np.bincount(self._items[: self._used][inside], counts, items).astype(np.float64, copy=False)

    def total(self, now_hour: int, window_h: int, countries: frozenset[str]) -> int:
        """All counts of some countries over the last `window_h` hours."""
        return int(self._counts[: self._used][self._inside(now_hour, window_h, countries)].sum())

    def _inside(self, now_hour: int, window_h: int, countries: frozenset[str] | None) -> NDArray[np.bool_]:
        used = slice(0, self._used)
        inside: NDArray[np.bool_] = (self._hours[used] > now_hour - window_h) & (self._counts[used] > 0)
        if countries is not None:
            wanted = [number for country, number in self.countries.items() if country in countries]
            inside &= np.isin(self._countries[used], wanted)
        return inside
