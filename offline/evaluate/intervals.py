"""95 % intervals by a bootstrap over users (Efron: "Bootstrap methods", Annals of Statistics 7, 1979): events of one
user resemble each other, so events are not resampled singly."""

import numpy as np
from numpy.typing import NDArray

RESAMPLES = 2000
_LOW, _HIGH = 2.5, 97.5

Interval = tuple[float, float]


def interval(values: NDArray[np.float64], users: NDArray[np.int32], seed: int) -> Interval | None:
    """Of the mean of `values`; `users` tells whose each one is. For paired differences give the differences. None with
    fewer than two users."""
    _, owner = np.unique(users, return_inverse=True)
    if not len(owner) or owner.max() == 0:
        return None
    sums, counts = np.bincount(owner, values), np.bincount(owner)
    chosen = np.random.default_rng(seed).multinomial(len(sums), np.full(len(sums), 1 / len(sums)), size=RESAMPLES)
    means = (chosen @ sums) / (chosen @ counts)
    low, high = np.percentile(means, (_LOW, _HIGH))
    return round(float(low), 4), round(float(high), 4)
