"""Which of the user's recent items speaks for an item, and how much: the learned score taken apart.

The three generators that look at recent items are sums over them, so each feature can be divided among the items:

    contribution(j) = sum over their features of  w f share_j          share_j = its part of the sum or dot product

What concerns all of them at once (genres, language) or nobody in particular (popularity, trend) belongs to no item.
"""

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, features, successors
from ranking.decision import Decision
from ranking.rank import Ranked
from ranking.ranker import TASK_WEIGHTS, Ranker
from ranking.user_vector import weights_of
from tables.item_model import ItemModel

#: Features that are sums of the same parts, which they only count differently.
_TOGETHER, _AFTER, _VECTORS = (
    [features.NAMES.index(name) for name in names]
    for names in (("together", "together_lately"), ("after", "after_newest"), ("vector", "vector_lasting"))
)
_TINY = 1e-30
#: A score is somebody's own when more than this share of it is.
MOSTLY = 0.5

Doubles = NDArray[np.float64]


def _all_and(first: NDArray[np.float32], recent: int) -> NDArray[np.float32]:
    """float32[2, recent]: every place counts 1, and `first` what it says, 0 behind its end."""
    return np.stack([np.ones(recent, np.float32), np.pad(first, (0, recent - len(first)))])


_LATELY = _all_and(co_occurrence.LATELY, co_occurrence.RECENT_ITEMS)
_NEWEST = _all_and(successors.NEWEST, successors.WINDOW)


def contributions(items: NDArray[np.int32], decision: Decision, ranker: Ranker, model: ItemModel) -> Doubles:
    """float64[items, recent]: what each recent item adds to the logit of each of `items`, which are candidates."""
    taste = decision.taste
    if not len(items) or not len(taste.recent):
        return np.zeros((len(items), len(taste.recent)))
    values = decision.matrix.T.take(np.searchsorted(decision.items, items), 1)
    weights = TASK_WEIGHTS @ ranker.weights[decision.bucket]
    weighed = values * weights[:, None]
    # of an item that is new, the vector's feature is in part the lasting one
    own, lasting = _VECTORS
    lent = weights[own] * features.newness(items, model) * values[lasting]
    weighed[own] -= lent
    weighed[lasting] += lent
    vectors, evidence = model.vectors.vectors, decision.evidence
    dots = vectors.take(items, 0) @ vectors.take(taste.recent, 0).T
    together = evidence.together.parts.by_recent(items, len(model))
    after = evidence.after.parts.by_recent(items, len(model))
    found = _divided(weighed[_VECTORS], dots, weights_of(taste))
    found[:, : together.shape[1]] += _divided(weighed[_TOGETHER], together, _LATELY[:, : together.shape[1]])
    found[:, : after.shape[1]] += _divided(weighed[_AFTER], after, _NEWEST[:, : after.shape[1]])
    return found


def _divided(sums: Doubles, parts: NDArray[np.floating], counted: NDArray[np.float32]) -> Doubles:
    """float64[items, recent]: `sums` float64[2, items], each in the proportion of `parts` [items, recent] times what
    these are `counted` [2, recent] for it, together; 0 where they have no sum above 0."""
    divided: Doubles = parts * ((sums / np.maximum(counted @ parts.T, _TINY)).T @ counted)
    return divided


def strongest(listed: Ranked, decision: Decision, ranker: Ranker, model: ItemModel) -> NDArray[np.intp]:
    """For each of the listed candidates the place of the recent item that adds most; -1 where none adds anything, or no
    more than half of the score is personal."""
    found = np.full(len(listed.items), -1, np.intp)
    (slots,) = (listed.personal_share > MOSTLY).nonzero()
    contributed = contributions(listed.items[slots], decision, ranker, model)
    if contributed.size:
        places = contributed.argmax(axis=1)
        found[slots] = np.where(contributed[np.arange(len(slots)), places] > 0, places, -1)
    return found
