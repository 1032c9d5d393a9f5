"""What ranks items for the people of one place, beside what ranks them for everybody."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from tables.priors import Priors

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int32]


@dataclass(frozen=True, slots=True)
class SegmentPriors:
    """Columns float32[items] in 0..1: `trend_24h` and `prior` as `Priors` has them, half of everywhere and half of the
    place, where a prior is the share of the last 7 days' events; of a place with few events less than half.
    `trending_order` lists the items with a 7-day trend in the place, best first; empty where there is no place.
    `popular_order` lists all items by `prior`."""

    trend_24h: Floats
    prior: Floats
    trending_order: Ints
    popular_order: Ints

    @classmethod
    def everywhere(cls, priors: Priors) -> "SegmentPriors":
        """For people of whom no place is known."""
        return cls(priors.trend_24h, priors.prior, np.zeros(0, np.int32), priors.popular_order)

    @classmethod
    def compute(
        cls, priors: Priors, trend_24h: Doubles, trend_7d: Doubles, week: Doubles, weight: float
    ) -> "SegmentPriors":
        """From raw sums of the place, all float64[capacity]: decayed within a day and a week, and of a week as they
        are; `weight` in 0..1 is how much the place counts beside everywhere."""
        day = (priors.trend_24h + weight * _relative(trend_24h)) / (1 + weight)
        prior = (priors.prior + weight * _relative(week)) / (1 + weight)
        trending = np.argsort(-trend_7d, kind="stable").astype(np.int32)[: np.count_nonzero(trend_7d)]
        items = len(priors.popular_order)
        popular = np.argsort(-prior[:items], kind="stable").astype(np.int32)
        return cls(day.astype(np.float32), prior.astype(np.float32), trending, popular)


def _relative(sums: Doubles) -> Doubles:
    highest = sums.max(initial=0.0)
    return sums / highest if highest > 0 else sums
