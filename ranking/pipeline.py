"""How a list is made: candidates, drop, rank, re-rank, reasons. The whole of it on this screen."""

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, popular, trending
from ranking.co_occurrence import Personal
from ranking.rank import Ranked, rank
from ranking.reasons import personal_reasons
from ranking.recommendations import Recommendations
from ranking.rerank import explorers
from ranking.rerank.pool import Pool
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from ranking.rules.hard import allowed
from ranking.rules.viewer import Viewer
from ranking.taste import Taste
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User

DEFAULT_RULES = RerankSettings()
SMALLEST_POOL = 200


def recommend(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    now_ms: int,
    size: int,
    settings: RerankSettings = DEFAULT_RULES,
) -> Recommendations:
    """Up to `size` items for one user at `now_ms`. A pure function of its arguments."""
    taste = Taste.of(user, profile, model)
    personal = co_occurrence.score(taste, model)
    seed = explorers.seed_of(user)
    tried = explorers.candidates(model, now_ms, seed)

    shared = size + (len(user.seen) if user else 0)  # enough to fill the list though all that was met is dropped
    items = _union(personal, trending.candidates(model, size), popular.candidates(model, shared), tried)

    viewer = Viewer(user, profile, now_ms)
    items, dropped = allowed(items, viewer, model)
    if len(items) < size:  # the rules left too little: whatever there is
        items, dropped = allowed(np.arange(len(model), dtype=np.int32), viewer, model)

    ranked = rank(
        items, personal.scores[items], model.priors.prior[items], taste.strength, max(3 * size, SMALLEST_POOL)
    )
    pool = Pool.of(ranked.items, _unranked(tried, items, ranked, model), size, model, now_ms, seed)
    reranked = rerank(pool, ranked.scores, settings)
    listed = _listed(pool, ranked, reranked)
    codes, texts, sources = personal_reasons(
        listed, reranked.places >= pool.ranked, personal, taste, model, now_ms, viewer.country
    )
    return Recommendations(
        listed.items,
        listed.scores,
        codes,
        texts,
        sources,
        "personal" if listed.personal_share.any() else "popular",
        {rule: len(items) for rule, items in dropped.items()},
        reranked.moved(),
    )


def _listed(pool: Pool, ranked: Ranked, reranked: Reranked) -> Ranked:
    share = np.concatenate([ranked.personal_share, np.zeros(pool.explorers)])
    return Ranked(pool.items[reranked.places], reranked.scores, share[reranked.places])


def _unranked(tried: NDArray[np.int32], kept: NDArray[np.int32], ranked: Ranked, model: ItemModel) -> NDArray[np.int32]:
    """Those to be tried that the rules allow and the pool does not hold."""
    open_to = np.zeros(len(model), np.bool_)
    open_to[kept] = True
    open_to[ranked.items] = False
    return tried[open_to[tried]]


def _union(personal: Personal, *shared: NDArray[np.int32]) -> NDArray[np.int32]:
    chosen = personal.scores > 0
    for items in shared:
        chosen[items] = True
    return np.flatnonzero(chosen).astype(np.int32)
