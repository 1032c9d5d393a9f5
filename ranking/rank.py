"""One score from what we know of the user and what everybody likes.

    score = (m * personal + p * prior) / (m + p)          m = 2 n (1 + n), p = 5

n is how many liked items the history holds: a new user gets mostly the prior, every event moves the list towards them,
and after five the prior hardly counts (5 parts in 65). Next items alone would have it smaller still, the next 20 of
those who just came larger: docs/decisions/0014-generators-and-ranker.md has the figures. How much it should count
differs from log to log, so p is learned, by how much is known of the user (`ranking.prior_strength`), from 5 or what
was fitted beside a sequence model. `personal` is the ranker's score divided by the highest of the request.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.order import best_first
from ranking.kernels.relative import highest_of
from ranking.ragged import Offsets

PRIOR_STRENGTH = 5.0
_TINY = np.finfo(np.float64).tiny


@dataclass(frozen=True, slots=True)
class Ranked:
    """By user, best first: `places` int64[ranked] of candidates, between the user's `offsets`. Of every candidate the
    mixed `scores` float64[candidates] >= 0, and the share of each that is personal, float64[candidates] in 0..1."""

    offsets: Offsets
    places: NDArray[np.int64]
    scores: NDArray[np.float64]
    personal_share: NDArray[np.float64]


def rank(
    offsets: Offsets,
    scores: NDArray[np.float64],
    personal: NDArray[np.float64],
    prior: NDArray[np.float32],
    strength: NDArray[np.int64],
    size: int,
    prior_strength: NDArray[np.float64] | None = None,
) -> Ranked:
    """The best `size` candidates of each user, those between their offsets. By candidate: the ranker's `scores` on any
    scale >= 0, which part of each is `personal`, 0..1, and the `prior`; by user `strength`, which is n, and
    `prior_strength` > 0, which is p (None = 5 for everybody)."""
    highest = np.empty(len(strength))
    highest_of(offsets, scores, highest)
    trust = np.where(highest > 0, trust_in(strength), 0.0)
    counts = np.diff(offsets)
    against = np.full(len(trust), PRIOR_STRENGTH) if prior_strength is None else prior_strength
    whole = np.repeat(trust + against, counts)
    own = scores * np.repeat(trust / np.where(highest > 0, highest, 1.0), counts)
    mixed = (own + np.repeat(against, counts) * prior) / whole
    share = personal * own / np.maximum(mixed * whole, _TINY)
    ends, places = np.zeros(len(offsets), np.int64), np.empty(int(np.minimum(counts, size).sum()), np.int64)
    best_first(offsets, mixed, size, ends, places)
    return Ranked(ends, places, mixed, share)


def trust_in(strength: NDArray[np.int64]) -> NDArray[np.float64]:
    """How much a history of so many liked items weighs against the prior's 5."""
    return 2.0 * strength * (1.0 + strength)
