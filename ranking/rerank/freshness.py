"""New releases count more: their scores are multiplied, at most to 1, before anything else looks at them."""

import numpy as np

from ranking.rerank.pool import Pool, Slate
from ranking.rerank.settings import RerankSettings
from streams.units import WEEK_MS


def freshness(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """Orders by boosted score; what was not ranked stays last."""
    if settings.boost_30d == settings.boost_7d == 1.0:
        return slate
    new = pool.is_new
    if not new[: pool.ranked].any():
        return slate
    boosts = np.where(new, settings.boost_30d, 1.0)
    boosts[new & (pool.age_ms < WEEK_MS)] = settings.boost_7d
    boosted = (slate.scores * boosts).astype(np.float32)
    order = slate.order[np.argsort(-boosted[slate.order], kind="stable")]
    return Slate(order, np.minimum(boosted, 1.0))
