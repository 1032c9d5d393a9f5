"""The features of candidates, as of the decision: what the generators say, and how item and moment suit the user.

All are in 0..1. Scores of generators are divided by the highest among the candidates of the request, because their
scales differ from user to user. Of those that are sums over recent items the root is taken: a few candidates have most
of the sum, and what separates the many below them is what a list of ten or twenty is decided by (HR@10 on events before
those that are evaluated: ml-1m .257 without, .263 with it). Crosses give the ranker a second weight for popularity in
some context_features.
"""

import numpy as np
from numpy.typing import NDArray

from ranking import sequence_scores
from ranking.context_features import ContextFeatures
from ranking.generator_scores import GeneratorScores
from ranking.kernels.products import products_with
from ranking.kernels.relative import make_relative, relative_roots
from ranking.named import Said
from ranking.ragged import Ragged
from streams.contract.units import DAY_MS
from tables.item_catalog import ALWAYS_FROM_MS
from tables.item_model import NORM_SHRINK, ItemModel

NAMES = (
    "co_occurrence",  # used together with recent items
    "co_occurrence_recent",  # the same, of the newest few
    "sequential",  # used right after the last items
    "sequential_newest",  # the same, of the newest alone
    "embedding",  # near the user's vector; near the long-term one as far as nobody has used the item yet
    "embedding_long_term",  # near the vector of the user's long-term interest
    "trend_28d",
    "trend_24h",  # half everywhere's, half that of the user's country or region
    "popularity",
    "genre",  # share of the user's recent genres
    "freshness",  # e^(-days since release / 30)
    "language",  # 1 = the user's
    "popularity_weekend",
    "popularity_night",
    "popularity_handheld",
    *sequence_scores.NAMES,  # what the trained sequence model says, 0 without one
)
COUNT = len(NAMES)
#: The same features in rows of `ranker.weights` that release 0.1 wrote.
_FORMER_NAMES = {
    "together": "co_occurrence",
    "together_lately": "co_occurrence_recent",
    "after": "sequential",
    "after_newest": "sequential_newest",
    "vector": "embedding",
    "vector_lasting": "embedding_long_term",
}
#: Those that speak of this user rather than of everybody.
_PERSONAL = frozenset(NAMES[:6]) | {"genre", "language"} | frozenset(sequence_scores.NAMES)
PERSONAL = np.array([name in _PERSONAL for name in NAMES])
FRESH_DAYS = 30.0

Floats = NDArray[np.float32]


def present_names(stored: list[str]) -> list[str]:
    """The names of features in a row, as they are called now.

    >>> present_names(["together", "popularity"])
    ['co_occurrence', 'popularity']
    """
    return [_FORMER_NAMES.get(name, name) for name in stored]


def matrix(
    items: Ragged, generator_scores: GeneratorScores, context_features: ContextFeatures, model: ItemModel
) -> Floats:
    """float32[COUNT, items], rows in the order of NAMES, of items that ascend by user."""
    features = np.zeros((COUNT, len(items.values)), np.float32)
    if not len(items.values):
        return features
    priors, catalog = model.priors, model.catalog
    features[0:2] = _relative_roots(generator_scores.co_occurrence, items)
    features[2:4] = _relative_roots(generator_scores.sequential, items)
    own, long_term = features[4:6]
    products_with(*items, generator_scores.embeddings, model.vectors.vectors, features[4:6])
    own += newness(items.values, model) * (long_term - own)
    shared = (
        priors.trend_28d.take(items.values),
        context_features.trend_24h(items),
        priors.popularity.take(items.values),
    )
    for row, scores in enumerate(shared, start=6):
        make_relative(items.offsets, scores)
        features[row] = scores
    features[9] = context_features.genre_shares(items, model)
    features[10] = _freshness(catalog.released_at_ms.take(items.values), context_features.now_ms)
    features[11] = context_features.language_match(items, model)
    crossed = (context_features.is_weekend, context_features.is_night, context_features.is_handheld)
    for row, holds in enumerate(crossed, start=12):
        if holds.any():
            features[row] = features[8] * context_features.of_each(holds, items)
    if generator_scores.sequence is not None:
        features[15:] = generator_scores.sequence.features(items)
    return features


def newness(items: NDArray[np.int32], model: ItemModel) -> Floats:
    """float32[items] in 0..1: 1 where nobody has used an item, 1/2 after five visits, 1/5 after twenty."""
    return NORM_SHRINK * model.norm.take(items) ** 2


def _relative_roots(said: Said, items: Ragged) -> Floats:
    roots = np.empty((2, len(items.values)), np.float32)
    for row, scores in enumerate(said.of(items)):
        relative_roots(items.offsets, scores, roots[row])
    return roots


def _freshness(released_at_ms: NDArray[np.int64], now_ms: int) -> NDArray[np.float64]:
    days = np.maximum(0, now_ms - released_at_ms) / DAY_MS
    return np.where(released_at_ms == ALWAYS_FROM_MS, 0.0, np.exp(-days / FRESH_DAYS))
