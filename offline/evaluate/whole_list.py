"""Whole lists: every user's last 20 % is held out, and one list is evaluated by all of it.

Everything learns the first 80 % of every user, in the order of the log; lists are made as of the log's end.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.evaluate import metrics
from offline.evaluate.baselines.nightly import Nightly
from offline.evaluate.intervals import interval
from offline.evaluate.recommender import Recommender
from streams.contract.events import Interaction

TRAIN_SHARE = 0.8
#: Users with fewer events are learned from and not evaluated.
LEAST_EVENTS = 5
TOP = 10


@dataclass(frozen=True)
class TimeSplit:
    """`train` in the order of the log; `held_out` items by evaluated user; `now_ms` is when the lists are made."""

    train: list[Interaction]
    held_out: dict[str, frozenset[str]]
    now_ms: int

    @classmethod
    def of(cls, events: Sequence[Interaction], most_users: int | None = None, seed: int = 0) -> "TimeSplit":
        """Splits a log; of more than `most_users` users a seeded sample is evaluated."""
        totals = Counter(event.user_id for event in events)
        place: Counter[str] = Counter()
        train: list[Interaction] = []
        held_out: defaultdict[str, set[str]] = defaultdict(set)
        for event in events:
            place[event.user_id] += 1
            total = totals[event.user_id]
            if total < LEAST_EVENTS or place[event.user_id] <= total * TRAIN_SHARE:
                train.append(event)
            else:
                held_out[event.user_id].add(event.item_id)
        evaluated = list(held_out)
        if most_users is not None and len(evaluated) > most_users:
            chosen = np.random.default_rng(seed).choice(len(evaluated), most_users, replace=False)
            evaluated = [evaluated[number] for number in sorted(chosen.tolist())]
        return cls(train, {user: frozenset(held_out[user]) for user in evaluated}, events[-1].timestamp_ms)


@dataclass(frozen=True, slots=True)
class ListScores:
    """By evaluated user, parallel to `TimeSplit.held_out`: NDCG, precision, recall and hit at 10, and 1/rank of the
    first hit among them."""

    ndcg: NDArray[np.float64]
    precision: NDArray[np.float64]
    recall: NDArray[np.float64]
    hit: NDArray[np.float64]
    reciprocal: NDArray[np.float64]

    def report(self, seed: int) -> dict[str, Any]:
        """The means; `ci95` is of NDCG@10."""
        return {
            "ndcg_at_10": metrics.mean(self.ndcg),
            "ci95": interval(self.ndcg, np.arange(len(self.ndcg), dtype=np.int32), seed),
            "precision_at_10": metrics.mean(self.precision),
            "recall_at_10": metrics.mean(self.recall),
            "hr_at_10": metrics.mean(self.hit),
            "mrr": metrics.mean(self.reciprocal),
        }


def whole_lists(
    split: TimeSplit, recommender: Recommender, progress: Callable[[int], None] = lambda _: None
) -> ListScores:
    """Teaches `recommender` the first part and evaluates a list for everybody; `progress` hears how many events are
    learned."""
    for number, event in enumerate(split.train):
        recommender.learn(event)
        if number % 1000 == 0:
            progress(number)
    if isinstance(recommender, Nightly):
        recommender.refit()
    rows = [
        _scores(recommender.recommend(user_id, split.now_ms, TOP), wanted) for user_id, wanted in split.held_out.items()
    ]
    return ListScores(*np.array(rows, np.float64).reshape(-1, 5).T)


def ndcg(found: NDArray[np.float64], wanted: int) -> float:
    """NDCG@10 of a list in which `found` float64[up to 10] is 1 where an item is one of the `wanted`.

    >>> ndcg(np.array([1.0, 0.0]), 1)
    1.0
    """
    discounts = 1 / np.log2(np.arange(TOP) + 2)
    return float(found @ discounts[: len(found)] / discounts[:wanted].sum())


def _scores(listed: Sequence[str], wanted: frozenset[str]) -> tuple[float, float, float, float, float]:
    found = np.array([item in wanted for item in listed], np.float64)
    hits = found.sum()
    first = 1 / (found.argmax() + 1) if hits else 0.0
    return ndcg(found, len(wanted)), hits / TOP, hits / len(wanted), float(hits > 0), float(first)
