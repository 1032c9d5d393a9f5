"""What is searched for now, from the hour buckets of queries."""

import numpy as np

from streams.contract.units import HOUR_MS
from tables.bucket_columns import BucketColumns

HALF_LIFE_H = 12.0
#: A query that fewer searches named within the window is not shown: it may be about a person.
MIN_SEARCHES = 3


class SearchTrends:
    """Queries are numbered while they have buckets: people never stop inventing new ones, so numbers are used again."""

    def __init__(self) -> None:
        self._buckets = BucketColumns()
        self._numbers: dict[str, int] = {}
        self._queries: list[str] = []
        self._hours: list[int] = []  # how many buckets a query has
        self._free: list[int] = []

    def __len__(self) -> int:
        return len(self._numbers)

    def put(self, hour: int, query: str, countries: dict[str, int]) -> None:
        """Replace the bucket of a query and hour; empty counts remove it."""
        number = self._numbers.get(query)
        if number is None:
            if not countries:
                return
            number = self._numbers[query] = self._number(query)
        self._hours[number] += self._buckets.put(hour, number, countries)
        if not self._hours[number]:
            del self._numbers[query]
            self._free.append(number)

    def _number(self, query: str) -> int:
        if self._free:
            number = self._free.pop()
            self._queries[number] = query
            return number
        self._queries.append(query)
        self._hours.append(0)
        return len(self._queries) - 1

    def trending(
        self, window_h: int, now_ms: int, size: int, countries: frozenset[str] | None = None
    ) -> list[tuple[str, float]]:
        """Up to `size` queries by searches of the last `window_h` hours, halved every 12 hours: (query, score relative
        to the first), best first; of some countries when given."""
        now_hour = now_ms // HOUR_MS
        count = len(self._queries)
        sums = self._buckets.decayed(now_hour, window_h, HALF_LIFE_H, count, countries)
        sums[self._buckets.counted(now_hour, window_h, count, countries) < MIN_SEARCHES] = 0.0
        order = np.argsort(-sums, kind="stable")[: min(size, np.count_nonzero(sums))].tolist()
        return [(self._queries[number], float(sums[number] / sums[order[0]])) for number in order]
