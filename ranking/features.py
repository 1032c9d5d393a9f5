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
from streams.units import DAY_MS
from tables.item_catalog import ALWAYS_FROM_MS
from tables.item_model import NORM_SHRINK, ItemModel

NAMES = (
    "together",  # used together with recent items
    "together_lately",  # the same, of the newest few
    "after",  # used right after the last items
    "after_newest",  # the same, of the newest alone
    "vector",  # near the user's vector; near the lasting one as far as nobody has used the item yet
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
    features = np.zeros((COUNT, len(items)), np.float32)  # one after the other in memory, as they are computed and used
    if not len(items):
        return features.T
    priors, catalog, together, after = model.priors, model.catalog, evidence.together, evidence.after
    sums = (together.scores, together.lately, after.scores, after.newest)
    np.sqrt(_relative([scores.take(items) for scores in sums]), out=features[:4])
    own, lasting = np.maximum(evidence.vectors @ model.vectors.vectors.take(items, 0).T, 0, out=features[4:6])
    own += newness(items, model) * (lasting - own)
    shared = (priors.trend_28d, priors.trend_24h, priors.popularity)
    features[6:9] = _relative([scores.take(items) for scores in shared])
    features[9] = situation.genre_shares(items, model)
    features[10] = _freshness(catalog.released_at_ms.take(items), situation.now_ms)
    features[11] = situation.language_match(items, model)
    for row, holds in enumerate((situation.is_weekend, situation.is_night, situation.is_handheld), start=12):
        if holds:
            features[row] = features[8]
    return features.T


def newness(items: NDArray[np.int32], model: ItemModel) -> Floats:
    """float32[items] in 0..1: 1 where nobody has used an item, 1/2 after five visits, 1/5 after twenty."""
    return NORM_SHRINK * model.norm.take(items) ** 2


def _relative(scores: list[NDArray[np.floating]]) -> NDArray[np.floating]:
    """The rows, each divided by its highest; a row of zeros stays as it is."""
    rows = np.array(scores)
    highest = rows.max(axis=1, keepdims=True)
    highest[highest <= 0] = 1
    rows /= highest
    return rows


def _freshness(released_at_ms: NDArray[np.int64], now_ms: int) -> NDArray[np.float64]:
    days = np.maximum(0, now_ms - released_at_ms) / DAY_MS
    return np.where(released_at_ms == ALWAYS_FROM_MS, 0.0, np.exp(-days / FRESH_DAYS))
