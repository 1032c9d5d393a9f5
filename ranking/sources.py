"""Which of the user's recent items speaks for an item, and how much: the learned score taken apart.

The three generators that look at recent items are sums over them, so each feature can be divided among the items:

    contribution(j) = w_together f_together share_j + w_after f_after share_j + w_vector (part of the dot product)

What concerns all of them at once (genres, language) or nobody in particular (popularity, trend) belongs to no item.
"""

import numpy as np
from numpy.typing import NDArray

from ranking import features, successors
from ranking.decision import Decision
from ranking.ranker import TASK_WEIGHTS, Ranker
from ranking.user_vector import weights_of
from tables.item_model import ItemModel

_TOGETHER, _AFTER, _VECTOR = (features.NAMES.index(name) for name in ("together", "after", "vector"))
_TINY = 1e-30

Doubles = NDArray[np.float64]


def contributions(items: NDArray[np.int32], decision: Decision, ranker: Ranker, model: ItemModel) -> Doubles:
    """float64[items, recent]: what each recent item adds to the logit of each of `items`, which are candidates."""
    taste = decision.taste
    found = np.zeros((len(items), len(taste.recent)))
    if not found.size:
        return found
    values = decision.matrix[np.searchsorted(decision.items, items)]
    weights = TASK_WEIGHTS @ ranker.weights[decision.bucket]
    together = decision.evidence.together.by_recent(items)
    after = successors.by_recent(taste, items, model)
    for feature, parts in ((_TOGETHER, together), (_AFTER, after)):
        shares = parts / np.maximum(parts.sum(axis=1, keepdims=True), _TINY)
        found[:, : parts.shape[1]] += weights[feature] * values[:, feature, None] * shares
    vectors = model.vectors.vectors
    dots = (vectors[items] @ vectors[taste.recent].T) * weights_of(taste)
    lengths = np.maximum(dots.sum(axis=1, keepdims=True), _TINY)
    found += weights[_VECTOR] * values[:, _VECTOR, None] * np.where(values[:, _VECTOR, None] > 0, dots / lengths, 0)
    return found


def strongest(contributed: Doubles, citable: NDArray[np.bool_]) -> NDArray[np.int64]:
    """For each item the recent one that adds most, -1 where none adds anything or that one is not `citable`
    (bool[recent]): what somebody disliked may speak for an item, but is no reason to give."""
    if not contributed.size:
        return np.full(len(contributed), -1)
    places: NDArray[np.int64] = contributed.argmax(axis=1)
    places[(contributed[np.arange(len(places)), places] <= 0) | ~citable[places]] = -1
    return places
