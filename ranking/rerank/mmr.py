"""Maximal marginal relevance: each of the first 20 items is good and unlike those before it.

The next item is the one with the highest  lambda * relevance - (1 - lambda) * likeness,  relevance being its score
between the lowest (0) and highest (1) of those that compete, likeness the highest genre cosine to one chosen before.
Scores of any spread are thus treated alike: a ranker whose scores lie close together is not shuffled more.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.rerank.pool import Pool, Slate
from ranking.rerank.settings import FRONT, RerankSettings

COMPETING = 60

Floats = NDArray[np.float32]


def mmr(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """Chooses the first 20 slots from the first 60 places."""
    weight = settings.mmr_lambda
    rivals = slate.order[: min(COMPETING, pool.ranked)]
    if weight == 1.0 or len(rivals) < 3:
        return slate
    scores = slate.scores[rivals]
    spread = float(scores[0] - scores[-1])
    if spread <= 0:
        return slate
    likeness = pool.model.catalog.genre_columns.similarity(pool.items[rivals])
    relevance = (scores - scores[-1]) / np.float32(spread) * np.float32(weight / (1.0 - weight))
    chosen = _choose(relevance, likeness, min(FRONT, len(rivals)))
    left = np.ones(len(rivals), np.bool_)
    left[chosen] = False
    return slate.ordered(np.concatenate([rivals[chosen], rivals[left], slate.order[len(rivals) :]]))


def _choose(relevance: Floats, likeness: Floats, count: int) -> list[int]:
    """`count` places among the rivals; the first is the first. An item is worth what the likest of those chosen before
    leaves of its relevance."""
    left_by = relevance - likeness
    value = left_by[0]
    best = 0
    chosen = [0]
    for _ in range(count - 1):
        np.minimum(value, left_by[best], out=value)
        value[best] = -np.inf
        best = int(value.argmax())
        chosen.append(best)
    return chosen
