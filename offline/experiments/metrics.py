"""What is counted of an exposed user, and the metrics that are made of it."""

from dataclasses import dataclass
from typing import Final, get_args

import numpy as np
from numpy.typing import NDArray

from offline.experiments.statistics import Kind, Sample
from streams.contract.experiments import MetricName

Doubles = NDArray[np.float64]

#: What is counted of a user since they were exposed, in this order; then the same before, as far as it predicts.
COUNTS: Final = (
    "lists",
    "impressions",
    "clicks",
    "watches",
    "finished",
    "watch_s",
    "ratings",
    "rating_sum",
    "genres",
    "fallbacks",
)
BEFORE: Final = ("clicks_before", "watches_before", "watch_s_before", "ratings_before")
COLUMNS: Final = COUNTS + BEFORE


@dataclass(frozen=True, slots=True)
class ExposedUsers:
    """Users by the variant of their first list: `variant` int64[users], the number of it, `exposed_ms` int64[users],
    `columns` float64[users, COLUMNS]."""

    variant: NDArray[np.int64]
    exposed_ms: NDArray[np.int64]
    columns: Doubles

    def __len__(self) -> int:
        return len(self.variant)

    def column(self, name: str) -> Doubles:
        """float64[users]."""
        values: Doubles = self.columns[:, COLUMNS.index(name)]
        return values

    def before(self, end_ms: int) -> "ExposedUsers":
        """Those exposed before a time, with all that they did since."""
        early = self.exposed_ms < end_ms
        return ExposedUsers(self.variant[early], self.exposed_ms[early], self.columns[early])


@dataclass(frozen=True, slots=True)
class Metric:
    """`over` None = for each user; `before` names the column that CUPED goes by. `sign` is 1 where more is better, -1
    where less is, 0 where neither is."""

    name: MetricName
    about: str
    kind: Kind
    of: str
    over: str | None = None
    before: str | None = None
    sign: int = 1

    def sample(self, users: ExposedUsers, variant: int) -> Sample:
        """The users of one variant."""
        own = users.variant == variant
        numerator = users.column(self.of)[own]
        if self.kind is Kind.RATE:
            numerator = (numerator > 0).astype(np.float64)
        denominator = None if self.over is None else users.column(self.over)[own]
        return Sample(numerator, denominator, None if self.before is None else users.column(self.before)[own])


METRICS: Final = (
    Metric("impressions", "items shown to a user", Kind.MEAN, "impressions", sign=0),
    Metric("ctr", "clicks on shown items / items shown", Kind.RATIO, "clicks", "impressions", "clicks_before"),
    Metric("clickers", "users who clicked on a shown item", Kind.RATE, "clicks"),
    Metric("watch_rate", "items begun / items shown", Kind.RATIO, "watches", "impressions", "watches_before"),
    Metric("watch_time", "seconds watched by a user", Kind.MEAN, "watch_s", before="watch_s_before"),
    Metric("completion", "items watched to their end / items begun", Kind.RATIO, "finished", "watches"),
    Metric("ratings", "ratings by a user", Kind.MEAN, "ratings", before="ratings_before", sign=0),
    Metric("mean_rating", "mean of the ratings", Kind.RATIO, "rating_sum", "ratings"),
    Metric("list_diversity", "genres among the first 20 of a list", Kind.RATIO, "genres", "lists", sign=0),
    Metric("fallback_share", "lists that are not the user's own", Kind.RATIO, "fallbacks", "lists", sign=-1),
)
BY_NAME: Final = {metric.name: metric for metric in METRICS}
assert tuple(BY_NAME) == get_args(MetricName), "every metric that an experiment may name"
