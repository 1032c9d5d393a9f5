"""The features of candidates, as of the decision: what the generators say, and how item and moment suit the user.

All are in 0..1. Scores of generators are divided by the highest among the candidates of the request, because their
scales differ from user to user. Crosses give the ranker a second weight for popularity in some situations.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.evidence import Evidence
from ranking.situation import Situation
from tables.item_catalog import ALWAYS_FROM_MS
from tables.item_model import DAY_MS, ItemModel

NAMES = (
    "together",  # used together with recent items
    "after",  # used right after the newest items
    "vector",  # near the user's vector
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
PERSONAL = np.array([name in {"together", "after", "vector", "genre", "language"} for name in NAMES])
FRESH_DAYS = 30.0

Floats = NDArray[np.float32]


def matrix(items: NDArray[np.int32], evidence: Evidence, situation: Situation, model: ItemModel) -> Floats:
    """float32[items, COUNT], columns in the order of NAMES."""
    features = np.zeros((len(items), COUNT), np.float32)
    if not len(items):
        return features
    priors, catalog = model.priors, model.catalog
    popularity = _relative(priors.popularity[items])
    features[:, 0] = _relative(evidence.together.scores[items])
    features[:, 1] = _relative(evidence.after[items])
    np.maximum(model.vectors.vectors[items] @ evidence.vector, 0, out=features[:, 2])
    features[:, 3] = _relative(priors.trend_28d[items])
    features[:, 4] = _relative(priors.trend_24h[items])
    features[:, 5] = popularity
    features[:, 6] = situation.genre_shares(items, model)
    features[:, 7] = _freshness(catalog.released_at_ms[items], situation.now_ms)
    features[:, 8] = situation.language_match(items, model)
    features[:, 9] = popularity * situation.is_weekend
    features[:, 10] = popularity * situation.is_night
    features[:, 11] = popularity * situation.is_handheld
    return features


def _relative(scores: NDArray[np.floating]) -> NDArray[np.floating]:
    highest = scores.max()
    return scores / highest if highest > 0 else scores


def _freshness(released_at_ms: NDArray[np.int64], now_ms: int) -> NDArray[np.float64]:
    days = np.maximum(0, now_ms - released_at_ms) / DAY_MS
    return np.where(released_at_ms == ALWAYS_FROM_MS, 0.0, np.exp(-days / FRESH_DAYS))
