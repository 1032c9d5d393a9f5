"""From a ranked pool to the list: every rule in its order, on this screen.

    freshness         orders by boosted score                                            1.3 / 1.1
    operator_factors  operators' boosts and buries: multiplied scores                  by rule
    mmr               first 20: good and unlike those before                             lambda 0.85
    category_max      first 10: at most n of a category                                  off
    genre_share       first 20: at most a share of one category                          off
    new_items         last slot of each 20: a new release                                5 %
    exploration       slots 11-20: something the ranker would not list                   3 of 10
    min_genres        first 20: at least three genres; behind all that learns            3
    pins              operators' picks, each in its slot; last, so that nothing undoes it by rule

Scores after re-ranking: an item that a rule moved up shows the highest score of those listed after it, every other item
its own (boosted) one. So scores stay within 0..1, never rise along the list, and differ from the ranker's only where a
rule acted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from itertools import pairwise

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.slates import take_lists
from ranking.ragged import Offsets
from ranking.rerank.category_limits import category_max, genre_share
from ranking.rerank.exploration import exploration
from ranking.rerank.freshness import freshness
from ranking.rerank.min_genres import min_genres
from ranking.rerank.mmr import mmr
from ranking.rerank.new_items import new_items
from ranking.rerank.operator_factors import operator_factors
from ranking.rerank.pins import pins
from ranking.rerank.pool import Places, Pools, Slates
from ranking.rerank.settings import RerankSettings

Rule = Callable[[Slates, Pools, RerankSettings], None]

RULES: tuple[Rule, ...] = (
    freshness,
    operator_factors,
    mmr,
    category_max,
    genre_share,
    new_items,
    exploration,
    min_genres,
    pins,
)


@dataclass(frozen=True, slots=True)
class RerankStep:
    """What a rule did to one list: the order before and after it, places in its pool."""

    rule: str
    before: Places
    after: Places

    def moved_in(self, size: int) -> Places:
        """Places in the pool that the rule brought into the first `size` slots or to a better one of them."""
        slots_before = np.empty(len(self.before), np.intp)
        slots_before[self.before] = np.arange(len(self.before))
        first = self.after[:size]
        return first[slots_before[first] > np.arange(len(first))]


@dataclass(frozen=True, slots=True)
class Reranked:
    """By user between the `offsets`, best first: `places` int64[up to size each] in the pools, their `scores` float32
    in 0..1, not increasing. `orders` are those of all pools before the first rule and after each."""

    offsets: Offsets
    places: Places
    scores: NDArray[np.float32]
    pool_offsets: Offsets
    orders: list[Places]

    def steps(self, user: int) -> list[RerankStep]:
        """The rules that changed the order of one list."""
        first, end = self.pool_offsets[user : user + 2].tolist()
        orders = [order[first:end] - first for order in self.orders]
        return [
            RerankStep(rule.__name__, before, after)
            for rule, (before, after) in zip(RULES, pairwise(orders), strict=True)
            if not np.array_equal(before, after)
        ]

    def moved(self, user: int) -> dict[str, int]:
        """How many items each rule moved up into one list or within it; rules that moved none are left out."""
        size = int(self.offsets[user + 1] - self.offsets[user])
        return {step.rule: len(step.moved_in(size)) for step in self.steps(user)}


def rerank(pools: Pools, scores: NDArray[np.float32], settings: RerankSettings) -> Reranked:
    """The lists of `pools`, whose items score `scores` float32[pools], 0 what was not ranked."""
    slates = Slates(np.arange(len(pools.items)), scores.copy())
    orders = [slates.order.copy()]
    for rule in RULES:
        rule(slates, pools, settings)
        orders.append(slates.order.copy())
    ends = np.zeros(len(pools.offsets), np.int64)
    most = int(np.minimum(np.diff(pools.offsets), pools.size).sum())
    places, shown = np.empty(most, np.int64), np.empty(most, np.float32)
    take_lists(pools.offsets, pools.size, slates.scores, slates.order, ends, places, shown)
    return Reranked(ends, places, shown, pools.offsets, orders)
