"""What ranks items when nothing is known about the user: popularity and trends, normalised, and the orders by them."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown

_QUIET_PRIOR = 1e-6

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class Priors:
    """Columns float32[items] in 0..1, 1 = the highest of all items: `popularity` all counted events, `trend_28d`
    events decayed over four weeks, `trend_24h` and `trend_7d` decayed within their window; `prior` = half popularity,
    half 28-day trend. `trending_order` lists the items with a 7-day trend, best first; `popular_order` all items by
    prior; `newest_order` all items by release, those without a date last. Items without events have a prior below
    1e-6, the newest release the highest, so that a catalogue without events is listed newest first.
    """

    popularity: Floats
    trend_28d: Floats
    trend_24h: Floats
    trend_7d: Floats
    prior: Floats
    popular_order: Ints
    trending_order: Ints
    newest_order: Ints

    @classmethod
    def empty(cls, items: int) -> "Priors":
        """Priors before anything happened."""
        zeros = np.zeros(items)
        return cls.compute(zeros, zeros, zeros, zeros, np.zeros(0, np.int64))

    @classmethod
    def compute(
        cls,
        events: Doubles,
        trend_28d: Doubles,
        trend_24h: Doubles,
        trend_7d: Doubles,
        released_at_ms: NDArray[np.int64],
    ) -> "Priors":
        """Priors from raw sums, all float64[capacity], and the release times int64[items] of the items there are."""
        popularity, month = _relative(events), _relative(trend_28d)
        day, week = _relative(trend_24h), _relative(trend_7d)
        prior = ((popularity + month) / 2).astype(np.float32)
        newest_first = np.argsort(-released_at_ms, kind="stable")
        quiet = newest_first[prior[newest_first] == 0]
        prior[quiet] = np.linspace(_QUIET_PRIOR, 0, len(quiet), endpoint=False)
        trending = np.argsort(-week, kind="stable").astype(np.int32)[: np.count_nonzero(week)]
        popular = np.argsort(-prior[: len(released_at_ms)], kind="stable").astype(np.int32)
        return cls(popularity, month, day, week, prior, popular, trending, newest_first.astype(np.int32))

    def padded(self, items: int) -> "Priors":
        """The same with room for `items` items; new items have no prior yet."""
        return Priors(
            grown(self.popularity, items),
            grown(self.trend_28d, items),
            grown(self.trend_24h, items),
            grown(self.trend_7d, items),
            grown(self.prior, items),
            self.popular_order,
            self.trending_order,
            self.newest_order,
        )


def _relative(sums: Doubles) -> Floats:
    highest = sums.max(initial=0.0)
    return (sums / highest if highest > 0 else sums).astype(np.float32)
