"""Candidates and their scores from what people use right after the user's newest items (a directed Markov chain).

score(i) = sum over the last 10 items j, newest at place 0, of 0.7^place * weight * S(j, i) / (n_j + 5)

`newest` is the first of these parts alone: what follows the newest item says more than what follows the others, and
how much more differs from log to log, which the ranker learns.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.named import Named
from ranking.taste import Taste
from tables.item_model import NORM_SHRINK, ItemModel

WINDOW = 10
PLACE_DECAY = 0.7
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(WINDOW)).astype(np.float32)
#: By place: how much a last item counts for `newest`, in parts of how much it counts in all.
NEWEST = np.ones(1, np.float32)


class Following(NamedTuple):
    """float64[items of the model] both, 0 = never seen to follow: `scores` any of the last items, `newest` that one.
    `parts` are the single contributions to `scores`."""

    scores: NDArray[np.float64]
    newest: NDArray[np.float64]
    parts: Named


def score(taste: Taste, model: ItemModel) -> Following:
    """The scores of everything that was seen to follow."""
    last = taste.recent[:WINDOW]
    factors = _PLACE_WEIGHTS[: len(last)] * taste.weights[:WINDOW] / (model.visits[last] + NORM_SHRINK)
    followers = model.successors
    parts = Named.of(followers.items.take(last, 0), followers.weights.take(last, 0) * factors[:, None])
    return Following(parts.summed(len(model)), parts.counted(NEWEST).summed(len(model)), parts)
