"""New releases count more: their scores are multiplied, at most to 1, before anything else looks at them."""

import numpy as np

from ranking.kernels.slates import sort_by_score
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import RerankSettings
from streams.contract.units import WEEK_MS


def freshness(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Orders by boosted score; what was not ranked stays last."""
    if settings.boost_30d == settings.boost_7d == 1.0 or not pools.is_new.any():
        return
    boosts = np.where(pools.is_new, settings.boost_30d, 1.0)
    boosts[pools.is_new & (pools.age_ms < WEEK_MS)] = settings.boost_7d
    boosted = (slates.scores * boosts).astype(np.float32)
    sort_by_score(pools.offsets, boosted, slates.order)
    np.minimum(boosted, 1.0, out=slates.scores)
