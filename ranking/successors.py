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
    factors = _factors(taste, model)
    followers = model.successors.items[last].ravel().astype(np.intp)
    parts = (model.successors.weights[last] * factors[:, None]).ravel()
    return np.bincount(followers, parts, len(model)).astype(np.float64, copy=False)


def by_recent(taste: Taste, items: NDArray[np.int32], model: ItemModel) -> NDArray[np.float64]:
    """float64[items, up to 3]: what each of the last items adds to the scores of `items`."""
    last = taste.recent[:WINDOW]
    factors = _factors(taste, model)
    table = np.zeros((len(items), len(last)))
    for place, item in enumerate(last.tolist()):
        followers, weights = model.successors.items[item], model.successors.weights[item]
        scores = np.bincount(followers, weights * factors[place], len(model))
        table[:, place] = scores[items]
    return table


def _factors(taste: Taste, model: ItemModel) -> NDArray[np.float64]:
    last = taste.recent[:WINDOW]
    factors: NDArray[np.float64] = (
        _PLACE_WEIGHTS[: len(last)] * taste.weights[:WINDOW] / (model.visits[last] + NORM_SHRINK)
    )
    return factors
