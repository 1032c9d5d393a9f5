"""Fits the weights that the ranker starts from, beside a sequence model: listwise, on decisions of the production path.

    loss = - mean over decisions of log softmax(w . features)[the item that was used next]  +  l2 |w|^2

The decisions are those at validation targets, which neither the sequence model nor the item model has learned of. The
intercept is such that scores add up to the number of targets found, so that a score is a probability.
"""

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Final, NamedTuple

import numpy as np
from numpy.typing import NDArray
from scipy.optimize import brentq, minimize

from offline.production_path import ProductionPath
from ranking import features
from ranking.prior_strength import STRENGTHS
from ranking.rank import PRIOR_STRENGTH, rank
from ranking.ranker import BUCKETS
from streams.contract.events import Interaction
from tables.sequence.sequence_model import RankerStart

#: With fewer decisions a bucket is fitted on those of all, with only a few it keeps the weights that hold without a
#: sequence model.
LEAST_DECISIONS: Final = 200
SOME_DECISIONS: Final = 30
MOST_DECISIONS: Final = 8_000
L2: Final = 1e-4
_STEPS: Final = 300

Floats = NDArray[np.float32]
Doubles = NDArray[np.float64]


class FittedDecision(NamedTuple):
    """The features float32[candidates, features] and the `prior` float32[candidates] of one decision, the place of what
    was chosen, and how many liked items were known."""

    matrix: Floats
    chosen: int
    prior: Floats
    liked: int


@dataclass(frozen=True, slots=True)
class FittedDecisions:
    """The candidates of decisions one behind the other: `matrix` float32[candidates, features], between `offsets`
    int64[decisions + 1], and the `chosen` one of each, int64[decisions] places in all. By candidate the `prior`
    float32[candidates], by decision how many liked items were known, `liked` int64[decisions]."""

    matrix: Floats
    offsets: NDArray[np.int64]
    chosen: NDArray[np.int64]
    prior: Floats
    liked: NDArray[np.int64]

    @classmethod
    def of(cls, rows: Sequence[FittedDecision]) -> "FittedDecisions":
        """Single ones."""
        offsets = np.zeros(len(rows) + 1, np.int64)
        np.cumsum([len(row.matrix) for row in rows], out=offsets[1:])
        return cls(
            np.concatenate([np.zeros((0, features.COUNT), np.float32), *(row.matrix for row in rows)]),
            offsets,
            offsets[:-1] + np.array([row.chosen for row in rows], np.int64),
            np.concatenate([np.zeros(0, np.float32), *(row.prior for row in rows)]),
            np.array([row.liked for row in rows], np.int64),
        )

    def loss(self, weights: Doubles) -> tuple[float, Doubles]:
        """The loss and its gradient."""
        starts, count = self.offsets[:-1], len(self.chosen)
        logits = self.matrix @ weights.astype(np.float32)
        highest = np.maximum.reduceat(logits, starts)
        sizes = np.diff(self.offsets)
        odds = np.exp(logits - np.repeat(highest, sizes))
        sums = np.add.reduceat(odds, starts)
        loss = float((np.log(sums) + highest - logits[self.chosen]).mean()) + L2 * float(weights @ weights)
        odds /= np.repeat(sums, sizes)
        gradient = (odds @ self.matrix - self.matrix[self.chosen].sum(axis=0)) / count
        return loss, gradient.astype(np.float64) + 2 * L2 * weights

    def fitted(self) -> Doubles:
        """The weights float64[features]."""
        found: Doubles = minimize(
            self.loss, np.zeros(features.COUNT), jac=True, method="L-BFGS-B", options={"maxiter": _STEPS}
        ).x
        return found

    def intercept(self, weights: Doubles) -> float:
        """Such that the scores of a decision's candidates add up to 1 in the mean."""
        logits = self.matrix @ weights
        return float(brentq(lambda at: (1 / (1 + np.exp(-(logits + at)))).sum() - len(self.chosen), -100.0, 100.0))

    def prior_strength(self, weights: Doubles, intercept: float) -> float:
        """The best of `STRENGTHS`; of equals the one that counts most."""
        scores = 1 / (1 + np.exp(-(self.matrix @ weights + intercept)))
        personal = np.zeros(len(scores))
        found = {strength: self._ndcg(scores, personal, strength) for strength in STRENGTHS}
        return max(STRENGTHS, key=lambda strength: (found[strength], strength))

    def _ndcg(self, scores: Doubles, personal: Doubles, strength: float) -> float:
        count, size = len(self.chosen), len(scores)
        everybody = np.full(count, strength)
        mixed = rank(self.offsets, scores, personal, self.prior, self.liked, size, everybody).scores
        above = mixed > np.repeat(mixed[self.chosen], np.diff(self.offsets))
        places = np.add.reduceat(above.astype(np.int64), self.offsets[:-1])
        return float(np.where(places < 10, 1 / np.log2(places + 2), 0.0).mean())


def decisions_at(
    path: ProductionPath, targets: Sequence[Interaction], now_ms: int, size: int, progress: Callable[[int], None]
) -> tuple[dict[int, list[FittedDecision]], float]:
    """By bucket the decisions whose target was a candidate, of up to 8,000 targets, evenly chosen; and which share of
    the targets were. Whole lists of candidates, as they are for users."""
    if len(targets) > MOST_DECISIONS:
        targets = [targets[at] for at in np.linspace(0, len(targets) - 1, MOST_DECISIONS).astype(int).tolist()]
    rows: dict[int, list[FittedDecision]] = {}
    found = 0
    for number, event in enumerate(targets):
        decision = path.decisions(event.user_id, now_ms, size)
        place = np.flatnonzero(decision.items.values == path.model.index(event.item_id))
        if len(place):
            found += 1
            prior, liked = decision.context_features.prior(decision.items), int(decision.interests.strength[0])
            row = FittedDecision(decision.matrix.T.copy(), int(place[0]), prior, liked)
            rows.setdefault(int(decision.buckets[0]), []).append(row)
        progress(number)
    return rows, found / max(len(targets), 1)


def fit(decisions: Mapping[int, Sequence[FittedDecision]]) -> tuple[RankerStart, dict[str, Any]]:
    """The start weights, and by bucket what was fitted on: its own decisions, or with some that are too few the
    decisions of all. Users without a history keep their fixed ranker."""
    weights: list[list[float]] = [[] for _ in range(BUCKETS)]
    intercepts, strengths = [0.0] * BUCKETS, [PRIOR_STRENGTH] * BUCKETS
    about: dict[str, Any] = {}
    every = [row for bucket, own in sorted(decisions.items()) for row in own if bucket]
    for bucket, own in sorted(decisions.items()):
        if not bucket or len(own) < SOME_DECISIONS or len(every) < LEAST_DECISIONS:
            continue
        chosen = own if len(own) >= LEAST_DECISIONS else every
        fitted_on = FittedDecisions.of(chosen)
        fitted = fitted_on.fitted()
        weights[bucket] = [round(float(weight), 6) for weight in fitted]
        intercepts[bucket] = round(fitted_on.intercept(fitted), 6)
        strengths[bucket] = FittedDecisions.of(own).prior_strength(fitted, intercepts[bucket])
        loss = round(fitted_on.loss(fitted)[0], 5)
        about[str(bucket)] = {"decisions": len(chosen), "loss": loss, "prior_strength": strengths[bucket]}
    return RankerStart(list(features.NAMES), weights, intercepts, strengths), about
