"""The features of candidates, as of the decision: what the generators say, and how item and moment suit the user.

All are in 0..1. Scores of generators are divided by the highest among the candidates of the request, because their
scales differ from user to user. Of those that are sums over recent items the root is taken: a few candidates have most
of the sum, and what separates the many below them is what a list of ten or twenty is decided by (HR@10 on events before
those that are judged: ml-1m .257 without, .263 with it). Crosses give the ranker a second weight for popularity in some
situations.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.evidence import Evidence
from ranking.situation import Situation
from tables.item_catalog import ALWAYS_FROM_MS
from tables.item_model import DAY_MS, ItemModel

NAMES = (
    "together",  # used together with recent items
    "together_lately",  # the same, of the newest few
    "after",  # used right after the last items
    "after_newest",  # the same, of the newest alone
    "vector",  # near the user's vector
    "vector_lasting",  # near the vector of the user's lasting taste
    "trend_28d",
    "trend_24h",
    "popularity",
    "genre",  # share of the user's recent genres
    "freshness",  # e^(-days since release / 30)
    "language",  # 1 = the user's
    "popularity_weekend",
    "popularity_night",
    "popularity_handheld",
)
COUNT = len(NAMES)
#: Those that speak of this user rather than of everybody.
_PERSONAL = frozenset(NAMES[:6]) | {"genre", "language"}
PERSONAL = np.array([name in _PERSONAL for name in NAMES])
FRESH_DAYS = 30.0

Floats = NDArray[np.float32]


def matrix(items: NDArray[np.int32], evidence: Evidence, situation: Situation, model: ItemModel) -> Floats:
    """float32[items, COUNT], columns in the order of NAMES."""
    features = np.zeros((len(items), COUNT), np.float32)
    if not len(items):
        return features
    priors, catalog = model.priors, model.catalog
    popularity = _relative(priors.popularity[items])
    together = evidence.together
    for column, scores in enumerate((together.scores, together.lately, evidence.after, evidence.after_newest)):
        features[:, column] = np.sqrt(_relative(scores[items]))
    np.maximum(model.vectors.vectors[items] @ evidence.vectors.T, 0, out=features[:, 4:6])
    features[:, 6] = _relative(priors.trend_28d[items])
    features[:, 7] = _relative(priors.trend_24h[items])
    features[:, 8] = popularity
    features[:, 9] = situation.genre_shares(items, model)
    features[:, 10] = _freshness(catalog.released_at_ms[items], situation.now_ms)
    features[:, 11] = situation.language_match(items, model)
    features[:, 12] = popularity * situation.is_weekend
    features[:, 13] = popularity * situation.is_night
    features[:, 14] = popularity * situation.is_handheld
    return features


def _relative(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    highest = scores.max()
    return scores / highest if highest > 0 else scores


def _freshness(released_at_ms: NDArray[np.int64], now_ms: int) -> NDArray[np.float64]:
    days = np.maximum(0, now_ms - released_at_ms) / DAY_MS
    return np.where(released_at_ms == ALWAYS_FROM_MS, 0.0, np.exp(-days / FRESH_DAYS))
