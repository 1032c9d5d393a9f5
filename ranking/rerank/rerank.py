"""From a ranked pool to the list: every rule in its order, on this screen.

    freshness       orders by boosted score                                            1.3 / 1.1
    mmr             first 20: good and unlike those before                             lambda 0.85
    category_max    first 10: at most n of a category                                  off
    genre_share     first 20: at most a share of one category                          off
    new_items       last slot of each 20: a new release                                5 %
    exploration     slots 11-20: something the ranker would not list                   3 of 10
    min_genres      first 20: at least three genres; last, so that nothing undoes it   3

Scores after re-ranking: an item that a rule moved up shows the highest score of those listed after it, every other item
its own (boosted) one. So scores stay within 0..1, never rise along the list, and differ from the ranker's only where a
rule acted.
"""

from collections.abc import Callable
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.rerank.category_limits import category_max, genre_share
from ranking.rerank.exploration import exploration
from ranking.rerank.freshness import freshness
from ranking.rerank.min_genres import min_genres
from ranking.rerank.mmr import mmr
from ranking.rerank.new_items import new_items
from ranking.rerank.pool import Places, Pool, Slate
from ranking.rerank.settings import RerankSettings

Rule = Callable[[Slate, Pool, RerankSettings], Slate]

RULES: tuple[Rule, ...] = (freshness, mmr, category_max, genre_share, new_items, exploration, min_genres)


@dataclass(frozen=True, slots=True)
class Step:
    """What a rule did: the order before and after it."""

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
    """`places` intp[up to size] in the pool, best first; their `scores` float32 in 0..1, not increasing; `steps` are
    the rules that changed the order."""

    places: Places
    scores: NDArray[np.float32]
    steps: list[Step]

    def moved(self) -> dict[str, int]:
        """How many items each rule moved up into the list or within it; rules that moved none are left out."""
        return {step.rule: len(step.moved_in(len(self.places))) for step in self.steps}


def rerank(pool: Pool, scores: NDArray[np.float32], settings: RerankSettings) -> Reranked:
    """The list of `pool`, whose ranked items score `scores` float32[ranked]."""
    slate = Slate(np.arange(len(pool.items)), np.concatenate([scores, np.zeros(pool.explorers, np.float32)]))
    steps: list[Step] = []
    for rule in RULES:
        before = slate
        slate = rule(before, pool, settings)
        if slate.order is not before.order:
            steps.append(Step(rule.__name__, before.order, slate.order))
    places = slate.order[: pool.size]
    return Reranked(places, _never_rising(slate.scores[places]), steps)


def _never_rising(scores: NDArray[np.float32]) -> NDArray[np.float32]:
    shown: NDArray[np.float32] = np.maximum.accumulate(scores[::-1])[::-1]
    return shown
