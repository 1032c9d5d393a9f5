"""Candidates and their scores from what people use right after the user's newest items (a directed Markov chain).

score(i) = sum over the last 3 items j, newest at place 0, of 0.6^place * S(j, i) / (n_j + 5)
"""

import numpy as np
from numpy.typing import NDArray

from ranking.taste import Taste
from tables.item_model import NORM_SHRINK, ItemModel

WINDOW = 3
PLACE_DECAY = 0.6
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(WINDOW)).astype(np.float32)


def score(taste: Taste, model: ItemModel) -> NDArray[np.float64]:
    """float64[items of the model], 0 = never seen to follow."""
    last = taste.recent[:WINDOW]
    factors = _PLACE_WEIGHTS[: len(last)] * taste.weights[:WINDOW] / (model.visits[last] + NORM_SHRINK)
    followers = model.successors.items[last].ravel().astype(np.intp)
    parts = (model.successors.weights[last] * factors[:, None]).ravel()
    return np.bincount(followers, parts, len(model)).astype(np.float64, copy=False)
