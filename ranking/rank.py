"""One score from what we know of the user and what everybody likes.

    score = (n * personal + 5 * prior) / (n + 5)

n is how many liked items the history holds: a new user gets the prior, and every event moves the list towards them.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

PRIOR_STRENGTH = 5.0
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Ranked:
    """Best first: `items` int32[], `scores` float32[] in 0..1, not increasing, and the share of each score that is
    personal, float64[] in 0..1."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]
    personal_share: NDArray[np.float64]


def rank(
    items: NDArray[np.int32], personal: NDArray[np.float64], prior: NDArray[np.float32], strength: int, size: int
) -> Ranked:
    """The best `size` of `items`; `personal` and `prior` are parallel to them, `personal` on any scale >= 0."""
    highest = personal.max(initial=0.0)
    if highest <= 0:
        strength = 0  # nothing personal to say: the prior alone
    own = personal * (strength / highest) if strength else np.zeros(len(items))
    scores = (own + PRIOR_STRENGTH * prior) / (strength + PRIOR_STRENGTH)
    order = _best(scores, size)
    chosen = scores[order]
    share = own[order] / np.maximum(chosen * (strength + PRIOR_STRENGTH), _TINY)
    return Ranked(items[order], np.minimum(chosen, 1.0).astype(np.float32), share)


def _best(scores: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    if len(scores) > size:
        best = np.argpartition(scores, -size)[-size:]
        return best[np.argsort(-scores[best], kind="stable")]
    return np.argsort(-scores, kind="stable")
