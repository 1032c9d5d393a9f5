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

_TOGETHER, _LATELY, _AFTER, _NEWEST, _VECTOR, _LASTING = (
    features.NAMES.index(name)
    for name in ("together", "together_lately", "after", "after_newest", "vector", "vector_lasting")
)
_TINY = 1e-30
#: A score is somebody's own when more than this share of it is.
MOSTLY = 0.5

Doubles = NDArray[np.float64]


def contributions(items: NDArray[np.int32], decision: Decision, ranker: Ranker, model: ItemModel) -> Doubles:
    """float64[items, recent]: what each recent item adds to the logit of each of `items`, which are candidates."""
    taste = decision.taste
    if not len(items) or not len(taste.recent):
        return np.zeros((len(items), len(taste.recent)))
    values = decision.matrix[np.searchsorted(decision.items, items)]
    weighed = values * (TASK_WEIGHTS @ ranker.weights[decision.bucket])
    vectors = model.vectors.vectors
    dots = vectors.take(items, 0) @ vectors.take(taste.recent, 0).T
    likeness, lasting = (dots * counted for counted in weights_of(taste))
    together = decision.evidence.together.by_recent(items)
    after = successors.by_recent(taste, items, model)
    found = _divided(weighed[:, _VECTOR], likeness)
    for feature, parts in (
        (_LASTING, lasting),
        (_TOGETHER, together),
        (_LATELY, co_occurrence.lately_of(together)),
        (_AFTER, after),
        (_NEWEST, after[:, :1]),
    ):
        found[:, : parts.shape[1]] += _divided(weighed[:, feature], parts)
    return found


def _divided(sums: Doubles, parts: NDArray[np.floating]) -> Doubles:
    """float64[items, recent]: `sums` float64[items] in the proportion of `parts`; 0 where these have no sum above 0."""
    divided: Doubles = parts * (sums / np.maximum(parts.sum(axis=1), _TINY))[:, None]
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
