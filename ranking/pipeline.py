"""How lists are made, those of all users of a batch at once: decide on the candidates, rank, re-rank, give reasons. The
whole of it on this screen.

For whom no candidate is left, ranking/seen_again.py has a list.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from ranking.algorithms import CODE, algorithms_of
from ranking.decision import Decisions
from ranking.interests import Asked
from ranking.kernels.slates import fill_pools
from ranking.ragged import Ints, Ragged, offsets_where, places_in_rows
from ranking.rank import Ranked, rank
from ranking.ranker import Ranker
from ranking.reasons import citable, personal_reasons
from ranking.recommendations import ListReason, Lists, Recommendations
from ranking.rerank.pool import Pools
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from ranking.seen_again import items_again, with_seen_again
from ranking.sources import strongest
from streams.contract.catalog import UserProfile
from streams.contract.served import Algorithm
from tables.item_model import ItemModel
from tables.user import User

DEFAULT_RULES = RerankSettings()
SMALLEST_POOL = 200
#: Lists that are made at once, and users times items then: a byte for each, and four while the nearest are sought.
MOST_AT_ONCE = 100
MOST_CELLS = 4_000_000


One = TypeVar("One", bound=Asked)


def at_once(asked: Sequence[One], model: ItemModel) -> Iterator[Sequence[One]]:
    """The users in batches that fit into memory whatever the size of the catalogue."""
    size = max(1, min(MOST_AT_ONCE, MOST_CELLS // max(len(model), 1)))
    for start in range(0, len(asked), size):
        yield asked[start : start + size]


def decided(decisions: Decisions, model: ItemModel, ranker: Ranker, size: int, settings: RerankSettings) -> Lists:
    """The lists of decisions that were made with the same model, ranker and size."""
    pooled = Pooled.of(decisions, model, size)
    reranked, ranked = pooled.reranked(settings), pooled.ranked
    slots = reranked.places
    places, tried = pooled.places[slots], ~pooled.is_ranked[slots]
    listed = Ragged(reranked.offsets, decisions.items.values[places])
    share = np.where(tried, 0.0, ranked.personal_share[places])
    sources = strongest(listed, places, share, decisions, ranker, model)
    context_features = decisions.context_features
    codes, cited, cited_codes, trend_places = personal_reasons(
        listed,
        tried,
        sources,
        decisions.interests,
        citable(decisions.interests, decisions.contexts, model),
        context_features.countries,
        context_features.places,
        model,
        context_features.now_ms,
    )
    algorithms = algorithms_of(listed, places, tried, decisions, ranker)
    if decisions.rules is not None and decisions.rules.has_pins:
        pinned = decisions.rules.is_pinned(listed)
        codes[pinned], cited[pinned], algorithms[pinned] = ListReason.FEATURED, -1, CODE[Algorithm.RULE]
    is_personal = np.diff(offsets_where(listed.offsets, share != 0)) > 0
    lists = Lists(
        listed,
        reranked.scores,
        codes,
        cited,
        cited_codes,
        algorithms,
        ["personal" if personal else "popular" for personal in is_personal.tolist()],
        trend_places,
        decisions.allowed.counts(decisions.considered),
        reranked,
        decisions.generator_scores.embeddings[:, 0],
    )
    if (np.diff(listed.offsets) == 0).any():
        return with_seen_again(lists, decisions.contexts, model, size)
    return lists


@dataclass(frozen=True, slots=True)
class Pooled:
    """All candidates `ranked`, and the best of each user, more than their list shows, with those to be tried: what
    re-ranking chooses from. By pool item its place among the candidates, int64[pools], its score float32[pools], 0 when
    it was not ranked, and whether it was, bool[pools]."""

    ranked: Ranked
    pools: Pools
    places: NDArray[np.int64]
    scores: NDArray[np.float32]
    is_ranked: NDArray[np.bool_]

    @classmethod
    def of(cls, decisions: Decisions, model: ItemModel, size: int) -> "Pooled":
        """The pools of decisions."""
        items, now_ms = decisions.items, decisions.context_features.now_ms
        prior, strength = decisions.context_features.prior(items), decisions.interests.strength
        most = max(3 * size, SMALLEST_POOL)
        ranked = rank(
            items.offsets, decisions.scores, decisions.personal, prior, strength, most, decisions.prior_strength
        )
        ends, counts = np.zeros(len(items.offsets), np.int64), np.empty(len(strength), np.int64)
        rules = decisions.rules
        beside = decisions.tried if rules is None or not rules.has_pins else decisions.tried.union(rules.pinned())[0]
        places = np.empty(len(ranked.places) + len(beside.values), np.int64)
        fill_pools(*items, ranked.offsets, ranked.places, *beside, ends, counts, places)
        places = places[: ends[-1]]
        is_ranked = places_in_rows(ends) < np.repeat(counts, np.diff(ends))
        scores = np.where(is_ranked, np.minimum(ranked.scores[places], 1.0), 0.0).astype(np.float32)
        pools = Pools.of(ends, items.values[places], counts, size, model, now_ms, decisions.seeds, rules)
        return cls(ranked, pools, places, scores, is_ranked)

    def reranked(self, settings: RerankSettings) -> Reranked:
        """The lists of the pools."""
        return rerank(self.pools, self.scores, settings)


def recommend_all(
    asked: Sequence[Asked],
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    size: int,
    settings: RerankSettings = DEFAULT_RULES,
) -> Iterator[Recommendations]:
    """Up to `size` items for each user at `now_ms`. A pure function of its arguments."""
    for batch in at_once(asked, model):
        lists = decided(Decisions.of(batch, model, ranker, now_ms, size), model, ranker, size, settings)
        for number in range(len(batch)):
            yield lists.of(number, model)


def recommend(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    size: int,
    settings: RerankSettings = DEFAULT_RULES,
) -> Recommendations:
    """The list of one user."""
    return next(recommend_all([(user, profile)], model, ranker, now_ms, size, settings))


def listed_items(
    user: User | None,
    profile: UserProfile | None,
    model: ItemModel,
    ranker: Ranker,
    now_ms: int,
    size: int,
    settings: RerankSettings = DEFAULT_RULES,
) -> Ints:
    """The items of `recommend`, best first, at three quarters of its cost: for who evaluates lists and shows none."""
    decisions = Decisions.of([(user, profile)], model, ranker, now_ms, size)
    pooled = Pooled.of(decisions, model, size)
    if not len(pooled.places):
        return items_again(decisions.contexts, 0, model, size)
    items: Ints = pooled.pools.items[pooled.reranked(settings).places]
    return items
