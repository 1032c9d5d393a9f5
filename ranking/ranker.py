"""The learned ranker as workers use it: logistic regressions by how much is known of the user, one for each task.

    score = 0.7 * P(use) + 0.3 * P(like)          P(task) = sigmoid(w[bucket, task] . features + b[bucket, task])

use = the item is used at all (click, view, purchase, rating), like = it is liked, bought or watched to its end.
Users without history have a fixed ranker of popularity and trend: nothing personal is known that could be weighed.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking import features

TASKS = ("use", "like")
TASK_WEIGHTS = np.array([0.7, 0.3])
BUCKET_STARTS = (0, 1, 5, 20)
BUCKETS = len(BUCKET_STARTS)

#: Where learning starts, by bucket, and what ranks until the first examples arrive: learned from every tenth event of
#: the first 80 % of ml-100k and rounded. The last 20 % is what figures are given for.
_STARTS: tuple[dict[str, float], ...] = (
    {"trend_28d": 1.0, "popularity": 1.0},
    {"together": 2.4, "after": 1.0, "vector": 1.2, "trend_28d": 0.7, "popularity": 0.3},
    {"together": 2.8, "after": 1.3, "vector": 1.0, "trend_28d": 0.5, "popularity": 0.2},
    {"together": 3.3, "after": 0.3, "vector": 0.8, "trend_28d": 0.5, "popularity": 0.2},
)
_START_INTERCEPTS = (-2.5, -3.2, -3.5, -3.6)

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Ranker:
    """`weights` float64[buckets, tasks, features] and `intercepts` float64[buckets, tasks]; `number` counts the updates
    that led to it."""

    weights: Doubles
    intercepts: Doubles
    number: int = 0

    @classmethod
    def start(cls) -> "Ranker":
        """The ranker before anything was learned."""
        weights = np.zeros((BUCKETS, len(TASKS), features.COUNT))
        for bucket, start in enumerate(_STARTS):
            for name, weight in start.items():
                weights[bucket, :, features.NAMES.index(name)] = weight
        return cls(weights, np.repeat(np.array(_START_INTERCEPTS)[:, None], len(TASKS), axis=1))

    def score(self, matrix: NDArray[np.float32], bucket: int) -> Doubles:
        """float64[items] in 0..1 for the features of each item."""
        scores: Doubles = self.tasks(matrix, bucket) @ TASK_WEIGHTS
        return scores

    def tasks(self, matrix: NDArray[np.float32], bucket: int) -> Doubles:
        """float64[items, tasks]: the probability of each task."""
        logits = matrix @ self.weights[bucket].T + self.intercepts[bucket]
        probabilities: Doubles = 1 / (1 + np.exp(-logits))
        return probabilities

    def personal_share(self, matrix: NDArray[np.float32], bucket: int) -> Doubles:
        """float64[items] in 0..1: which part of what speaks for each item is about this user."""
        parts = np.maximum(matrix * (TASK_WEIGHTS @ self.weights[bucket]), 0)
        shares: Doubles = parts[:, features.PERSONAL].sum(axis=1) / np.maximum(parts.sum(axis=1), 1e-12)
        return shares


def bucket_of(used: int) -> int:
    """The bucket of a user who used so many items lately.

    >>> [bucket_of(used) for used in (0, 1, 4, 5, 19, 20, 100)]
    [0, 1, 1, 2, 2, 3, 3]
    """
    return int(np.searchsorted(BUCKET_STARTS, used, side="right")) - 1
