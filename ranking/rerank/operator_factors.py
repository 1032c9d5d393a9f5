"""Operators' boosts and buries: scores are multiplied before the list takes shape, within bounds that leave the
ranker a say. Scores of a list on which one would exceed 1 shrink together, so that the order among them stays."""

import numpy as np

from ranking.kernels.slates import sort_by_score
from ranking.ragged import Ragged
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import RerankSettings


def operator_factors(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Orders by multiplied score; what was not ranked stays last."""
    del settings  # what operators want holds under any
    if pools.rules is None or not pools.rules.has_factors:
        return
    scores = slates.scores * pools.rules.factors(Ragged(pools.offsets, pools.items))
    (filled,) = (np.diff(pools.offsets) > 0).nonzero()
    if len(filled):
        highest = np.ones(len(pools.offsets) - 1, np.float32)
        highest[filled] = np.maximum.reduceat(scores, pools.offsets[filled])
        scores /= np.repeat(np.maximum(highest, 1.0), np.diff(pools.offsets))
    sort_by_score(pools.offsets, scores, slates.order)
    slates.scores[:] = scores
