"""One score from what we know of the user and what everybody likes.

    score = (m * personal + 5 * prior) / (m + 5)          m = 2 n (1 + n)

n is how many liked items the history holds: a new user gets mostly the prior, every event moves the list towards them,
and after five the prior hardly counts (5 parts in 65). Next items alone would have it smaller still, the next 20 of
those who just came larger: docs/decisions/0014-generators-and-ranker.md has the figures. `personal` is the
ranker's score divided by the highest of the request.
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
    items: NDArray[np.int32],
    scores: NDArray[np.float64],
    personal: NDArray[np.float64],
    prior: NDArray[np.float32],
    strength: int,
    size: int,
) -> Ranked:
    """The best `size` of `items`. Parallel to them: the ranker's `scores` on any scale >= 0, which part of each is
    `personal`, 0..1, and the `prior`; `strength` is n."""
    highest = scores.max(initial=0.0)
    trust = trust_in(strength) if highest > 0 else 0.0
    own = scores * (trust / highest) if trust else np.zeros(len(items))
    mixed = (own + PRIOR_STRENGTH * prior) / (trust + PRIOR_STRENGTH)
    order = _best(mixed, size)
    chosen = mixed[order]
    share = personal[order] * own[order] / np.maximum(chosen * (trust + PRIOR_STRENGTH), _TINY)
    return Ranked(items[order], np.minimum(chosen, 1.0).astype(np.float32), share)


def trust_in(strength: int) -> float:
    """How much a history of so many liked items weighs against the prior's 5."""
    return 2.0 * strength * (1.0 + strength)


def _best(scores: NDArray[np.float64], size: int) -> NDArray[np.int64]:
    if len(scores) > size:
        best = np.argpartition(scores, -size)[-size:]
        return best[np.argsort(-scores[best], kind="stable")]
    return np.argsort(-scores, kind="stable")
