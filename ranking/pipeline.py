"""How a list is made: decide on the candidates, rank, re-rank, give reasons. The whole of it on this screen."""

import numpy as np
from numpy.typing import NDArray

from ranking.decision import Decision
from ranking.rank import Ranked, rank
from ranking.ranker import Ranker
from ranking.reasons import personal_reasons
from ranking.recommendations import Recommendations
from ranking.rerank.pool import Pool
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from ranking.sources import strongest
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User

DEFAULT_RULES = RerankSettings()
SMALLEST_POOL = 200


def recommend(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    size: int,
    settings: RerankSettings = DEFAULT_RULES,
) -> Recommendations:
    """Up to `size` items for one user at `now_ms`. A pure function of its arguments."""
    return decided(Decision.of(user, profile, model, ranker, now_ms, size), model, ranker, size, settings)


def decided(
    decision: Decision, model: ItemModel, ranker: Ranker, size: int, settings: RerankSettings
) -> Recommendations:
    """The list of a decision that was made with the same model, ranker and size."""
    now_ms = decision.viewer.now_ms
    ranked, pool, reranked = _in_order(decision, model, now_ms, size, settings)
    listed = _listed(pool, ranked, reranked)
    tried = reranked.places >= pool.ranked
    places = strongest(listed, decision, ranker, model)
    taste, country = decision.taste, decision.viewer.country
    codes, texts, sources = personal_reasons(listed.items, tried, places, taste, model, now_ms, country)
    return Recommendations(
        listed.items,
        listed.scores,
        codes,
        texts,
        sources,
        "personal" if listed.personal_share.any() else "popular",
        {rule: len(items) for rule, items in decision.dropped.items()},
        reranked,
        decision.evidence.vector,
    )


def listed_items(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    size: int,
    settings: RerankSettings = DEFAULT_RULES,
) -> NDArray[np.int32]:
    """The items of `recommend`, best first, at three quarters of its cost: for who judges lists and shows none."""
    decision = Decision.of(user, profile, model, ranker, now_ms, size)
    _, pool, reranked = _in_order(decision, model, now_ms, size, settings)
    return pool.items[reranked.places]


def pool_of(decision: Decision, model: ItemModel, now_ms: int, size: int) -> tuple[Ranked, Pool]:
    """The best candidates, more than the list shows, and with those to be tried what re-ranking chooses from."""
    ranked = rank(
        decision.items,
        decision.scores,
        decision.personal,
        model.priors.prior[decision.items],
        decision.taste.strength,
        max(3 * size, SMALLEST_POOL),
    )
    return ranked, Pool.of(ranked.items, _unranked(decision, ranked, model), size, model, now_ms, decision.seed)


def _in_order(
    decision: Decision, model: ItemModel, now_ms: int, size: int, settings: RerankSettings
) -> tuple[Ranked, Pool, Reranked]:
    ranked, pool = pool_of(decision, model, now_ms, size)
    return ranked, pool, rerank(pool, ranked.scores, settings)


def _listed(pool: Pool, ranked: Ranked, reranked: Reranked) -> Ranked:
    share = np.concatenate([ranked.personal_share, np.zeros(pool.explorers)])
    return Ranked(pool.items[reranked.places], reranked.scores, share[reranked.places])


def _unranked(decision: Decision, ranked: Ranked, model: ItemModel) -> NDArray[np.int32]:
    """Those to be tried that the rules allow and the pool does not hold."""
    open_to = np.zeros(len(model), np.bool_)
    open_to[decision.items] = True
    open_to[ranked.items] = False
    return decision.tried[open_to[decision.tried]]
