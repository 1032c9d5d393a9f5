"""The learned ranker as workers use it: logistic regressions by how much is known of the user, one for each task.

    score = 0.7 * P(use) + 0.3 * P(like)          P(task) = sigmoid(w[bucket, task] . features + b[bucket, task])

use = the item is used at all (click, view, purchase, rating), like = it is liked, bought or watched to its end.
Users without history have a fixed ranker of popularity and trend: nothing personal is known that could be weighed.
"""

from dataclasses import dataclass, field, replace

import numpy as np
from numpy.typing import NDArray

from ranking import features
from ranking.kernels.relative import weigh
from ranking.rank import PRIOR_STRENGTH
from tables.sequence.sequence_model import RankerStart, SequenceModel

TASKS = ("use", "like")
TASK_WEIGHTS = np.array([0.7, 0.3])
BUCKET_STARTS = (0, 1, 5, 20)
BUCKETS = len(BUCKET_STARTS)

#: Where learning starts, by bucket, and what ranks until the first examples arrive: the same for ml-100k, ml-1m and
#: online-retail, fitted to events before those that figures are given for (docs/decisions/0014) and rounded.
_STARTS: tuple[dict[str, float], ...] = (
    {"trend_28d": 1.0, "popularity": 1.0},
    {
        "co_occurrence": 1.0,
        "co_occurrence_recent": 1.5,
        "sequential": 0.5,
        "sequential_newest": 0.3,
        "embedding": 3.0,
        "trend_28d": 2.2,
        "trend_24h": 0.4,
        "popularity": 0.4,
    },
    {
        "co_occurrence": 1.6,
        "co_occurrence_recent": 1.2,
        "sequential": 1.5,
        "sequential_newest": 1.1,
        "embedding": 2.1,
        "embedding_long_term": 0.3,
        "trend_28d": 0.5,
        "trend_24h": 0.5,
        "popularity": -0.3,
        "genre": 0.8,
    },
    {
        "co_occurrence": 3.1,
        "co_occurrence_recent": 0.7,
        "sequential": 0.7,
        "sequential_newest": 0.7,
        "embedding": 2.0,
        "embedding_long_term": 0.7,
        "trend_28d": 0.7,
        "trend_24h": 0.4,
        "popularity": -0.7,
        "genre": 1.1,
    },
)
_START_INTERCEPTS = (-2.5, -5.2, -5.5, -5.7)

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranker:
    """`weights` float64[buckets, tasks, features] and `intercepts` float64[buckets, tasks]; `number` counts the updates
    that led to it; `sequence_model` is the checksum of the model beside which they were made, "" = none;
    `prior_strengths` float64[buckets] > 0 are how much what everybody likes counts (`ranking.rank`)."""

    weights: Doubles
    intercepts: Doubles
    number: int = 0
    sequence_model: str = ""
    prior_strengths: Doubles = field(default_factory=lambda: np.full(BUCKETS, PRIOR_STRENGTH))
    _asked: Doubles = field(init=False, repr=False, compare=False)  # what `predict` multiplies with, by bucket

    def __post_init__(self) -> None:
        mean = np.einsum("t,btf->bf", TASK_WEIGHTS, self.weights)[:, None]
        asked = np.concatenate([self.weights, mean * features.PERSONAL, mean * ~features.PERSONAL], axis=1)
        object.__setattr__(self, "_asked", asked)

    @classmethod
    def start(cls, sequence_model: SequenceModel | None = None) -> "Ranker":
        """The ranker before anything was learned; beside a sequence model what was fitted with it."""
        weights = np.zeros((BUCKETS, len(TASKS), features.COUNT))
        for bucket, start in enumerate(_STARTS):
            for name, weight in start.items():
                weights[bucket, :, features.NAMES.index(name)] = weight
        intercepts = np.array(_START_INTERCEPTS)
        if sequence_model is not None:
            _take_over(sequence_model.ranker, weights, intercepts)
        strengths = np.full(BUCKETS, PRIOR_STRENGTH)
        if sequence_model is not None:
            fitted = sequence_model.ranker.prior_strengths[:BUCKETS]
            strengths[: len(fitted)] = fitted
        digest = "" if sequence_model is None else sequence_model.digest
        intercepts_by_task = np.repeat(intercepts[:, None], len(TASKS), axis=1)
        return cls(weights, intercepts_by_task, sequence_model=digest, prior_strengths=strengths)

    def with_factors(self, factors: Doubles) -> "Ranker":
        """The same, but every weight of a feature times its factor, float64[features]."""
        return replace(self, weights=self.weights * factors)

    def predict(
        self, offsets: NDArray[np.int64], matrix: NDArray[np.float32], buckets: NDArray[np.int64]
    ) -> tuple[Doubles, Doubles]:
        """Of the items between each user's offsets, whose features are `matrix` float32[features, items], both
        float64[items] in 0..1: the score, and which part of what speaks for each item is about this user. Popularity
        may count against an item, and then takes from what its trend says for it."""
        sums = np.empty((self._asked.shape[1], matrix.shape[1]))
        weigh(offsets, matrix, buckets, self._asked, sums)
        logits = sums[: len(TASKS)] + np.repeat(self.intercepts[buckets].T, np.diff(offsets), axis=1)
        scores = TASK_WEIGHTS @ _sigmoid(logits)
        personal, shared = np.maximum(sums[len(TASKS) :], 0)
        return scores, personal / np.maximum(personal + shared, 1e-12)

    def tasks(self, features: NDArray[np.float32], bucket: int) -> Doubles:
        """float64[tasks]: the probability of each task for the features of one item."""
        return _sigmoid(features @ self.weights[bucket].T + self.intercepts[bucket])


def _take_over(start: RankerStart, weights: Doubles, intercepts: Doubles) -> None:
    """Writes the fitted buckets over `weights` float64[buckets, tasks, features] and `intercepts` float64[buckets].
    Features that this release does not know are left out: what they said is lost, as with any feature that goes."""
    known = [(place, name) for place, name in enumerate(start.features) if name in features.NAMES]
    for bucket, row in enumerate(start.weights[:BUCKETS]):
        if row:
            weights[bucket] = 0
            intercepts[bucket] = start.intercepts[bucket]
            for place, name in known:
                weights[bucket, :, features.NAMES.index(name)] = row[place]


def _sigmoid(logits: Doubles) -> Doubles:
    probabilities: Doubles = 1 / (1 + np.exp(-logits))
    return probabilities


def buckets_of(used: NDArray[np.integer]) -> NDArray[np.int64]:
    """The buckets of users who used so many items lately.

    >>> buckets_of(np.array([0, 1, 4, 5, 19, 20, 100])).tolist()
    [0, 1, 1, 2, 2, 3, 3]
    """
    return np.searchsorted(np.array(BUCKET_STARTS), used, side="right") - 1
