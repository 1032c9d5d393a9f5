"""Maximal marginal relevance: each of the first 20 items is good and unlike those before it (Carbonell, Goldstein:
"The use of MMR, diversity-based reranking for reordering documents and producing summaries", SIGIR 1998).

The next item is the one with the highest  lambda * relevance - (1 - lambda) * likeness,  relevance being its score
between the lowest (0) and highest (1) of those that compete, likeness the highest genre cosine to one chosen before.
Scores of any spread are thus treated alike: a ranker whose scores lie close together is not shuffled more.
"""

import numpy as np

from ranking.kernels.slates import choose_unlike
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import FRONT, RerankSettings

COMPETING = 60


def mmr(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Chooses the first 20 slots from the first 60 places."""
    weight = settings.mmr_lambda
    if weight == 1.0:
        return
    genres = pools.model.catalog.genre_columns
    choose_unlike(
        pools.offsets,
        pools.ranked,
        pools.items,
        slates.scores,
        genres.bits,
        genres.scale,
        COMPETING,
        FRONT,
        np.float32(weight / (1.0 - weight)),
        slates.order,
    )
