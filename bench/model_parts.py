"""Parts of `freshet bench quality` about the model itself: vectors of items and users, and a world of known truth."""

from dataclasses import replace
from typing import Any

import numpy as np
from evaluators import item_vectors, user_embedding
from evaluators.closed_loop import ClosedLoop, Look

from offline.evaluate.evaluation import FOR_EVER_MS
from offline.evaluate.intervals import interval
from offline.evaluate.log import EvaluationLog
from offline.evaluate.metrics import mean
from offline.evaluate.prequential import Window
from offline.evaluate.whole_list import TimeSplit
from ranking.rerank.settings import RerankSettings

PEOPLE, ITEMS, DAYS = 40, 600, 30


def user_embeddings(log: EvaluationLog, window: Window, seed: int) -> dict[str, Any]:
    """The gain of an online update of the user's vector by river."""
    return user_embedding.compare(log.events, log.catalog, window, seed)


def vectors(log: EvaluationLog, seed: int) -> dict[str, Any]:
    """Vectors of co-occurrence beside those of implicit ALS."""
    return item_vectors.compare(TimeSplit.of(log.events, None, seed), log.catalog, seed, FOR_EVER_MS)


def simulator(seed: int) -> dict[str, Any]:
    """Thirty days of a closed loop, with exploration and without."""
    rules = RerankSettings()
    found: dict[str, Any] = {"people": PEOPLE, "items": ITEMS, "days": DAYS}
    worth = {}
    for name, explored in (("with_exploration", rules.explore_items), ("without", 0)):
        loop = ClosedLoop(seed, PEOPLE, ITEMS, replace(rules, explore_items=explored))
        looks = loop.lives(DAYS, looks=1)
        worth[name] = _by_person(looks)
        found[name] = {
            "coverage": round(loop.coverage, 4),
            "true_affinity_of_top_10": round(float(worth[name].mean()), 4),
            "regret_by_ten_days": [_regret(looks, first) for first in range(0, DAYS, 10)],
        }
    found["of_any_items"] = round(float(loop.truth.mean()), 4)
    gain = worth["with_exploration"] - worth["without"]
    people = np.arange(PEOPLE, dtype=np.int32)
    found["gain_of_exploration"] = {"true_affinity_of_top_10": mean(gain), "ci95": interval(gain, people, seed)}
    return found


def _by_person(looks: list[Look]) -> np.ndarray[Any, np.dtype[np.float64]]:
    sums = np.zeros(PEOPLE)
    np.add.at(sums, [look.person for look in looks], [look.worth for look in looks])
    return sums / DAYS


def _regret(looks: list[Look], first: int) -> float:
    return round(float(np.mean([look.regret for look in looks if first <= look.day < first + 10])), 4)
