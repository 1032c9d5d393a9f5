"""Candidates and their scores from what people use right after the user's newest items (a directed Markov chain).

score(i) = sum over the last 10 items j, newest at place 0, of 0.7^place * weight * S(j, i) / (n_j + 5)

`newest` is the first of these parts alone: what follows the newest item says more than what follows the others, and
how much more differs from log to log, which the ranker learns.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.taste import Taste
from tables.item_model import NORM_SHRINK, ItemModel

WINDOW = 10
PLACE_DECAY = 0.7
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(WINDOW)).astype(np.float32)


class Following(NamedTuple):
    """float64[items of the model] both, 0 = never seen to follow: `scores` any of the last items, `newest` that one."""

    scores: NDArray[np.float64]
    newest: NDArray[np.float64]


def score(taste: Taste, model: ItemModel) -> Following:
    """The scores of everything that was seen to follow."""
    last = taste.recent[:WINDOW]
    followers = model.successors.items[last].ravel().astype(np.intp)
    parts = (model.successors.weights[last] * _factors(taste, model)[:, None]).ravel()
    width = model.successors.width if len(last) else 0
    return Following(_summed(followers, parts, len(model)), _summed(followers[:width], parts[:width], len(model)))


def by_recent(taste: Taste, items: NDArray[np.int32], model: ItemModel) -> NDArray[np.float64]:
    """float64[items, up to 10]: what each of the last items adds to the scores of `items`."""
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


def _summed(followers: NDArray[np.intp], parts: NDArray[np.float64], items: int) -> NDArray[np.float64]:
    return np.bincount(followers, parts, items).astype(np.float64, copy=False)
