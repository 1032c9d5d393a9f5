"""How the ranker learns: one river LogisticRegression for each bucket and task, evaluated before it is believed.

The optimiser is AdaGrad (Duchi, Hazan, Singer: "Adaptive subgradient methods for online learning and stochastic
optimization", JMLR 12, 2011): a weight's steps shrink with the sum of its squared gradients.

Every example is first scored with the published weights and with the ones being learned (prequential: predict, then
learn). After a round of examples the learned weights replace the published ones only if they are finite and their log
loss was not worse; else they are thrown away and learning goes on from the published ones.

How much the prior counts is learned beside the weights, from the same examples (`ranking.prior_strength`), and told at
the end of a round, whatever came of its weights.
"""

import importlib
import math
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

import msgspec
import numpy as np
from numpy.typing import NDArray

from ranking import features, ranker
from ranking.examples import Example
from ranking.prior_strength import PriorOutcomes
from ranking.ranker import Ranker
from tables.row_codec import RowCodec

if TYPE_CHECKING:
    from river.linear_model import LogisticRegression

#: The key of the learner's row, which every worker follows.
RANKER_KEY = b"ranker"
#: Of 0.1 to 1.0 the best on the parts of three data sets before those that are evaluated.
LEARNING_RATE = 0.3
L2 = 1e-4
#: What AdaGrad's sums of squared gradients start from: without it the first few examples would move every weight by as
#: much as this each, whatever they say, away from weights that thousands have led to.
FIRST_SQUARES = 10.0
ROUND = 200
#: A round's log loss may be worse by chance; by so much it is not.
WORSE_BY = 0.02
RANKER_VERSION = 2  # 2: other features

Doubles = NDArray[np.float64]


class RankerRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The accepted state: float64 little-endian `weights` and `squares` (AdaGrad's sums of squared gradients)
    [buckets, tasks, features], `intercepts` [buckets, tasks]; `number` accepted and `rejected` rounds so far;
    `sequence_model` is the checksum of the model beside which it learned, "" = none. `prior_strengths` by bucket
    are how much the prior counts, and `prior_outcomes` what says so (`PriorOutcomes.stored`)."""

    version: int
    features: list[str]
    weights: bytes
    intercepts: bytes
    squares: bytes
    number: int
    rejected: int
    sequence_model: str = ""
    prior_strengths: list[float] = []
    prior_outcomes: bytes = b""


CODEC = RowCodec(RankerRow, current=RANKER_VERSION)


class RoundRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A round that is not over, of `examples` examples, on top of the accepted state with this `number` and so many
    `rejected` rounds: arrays, `sequence_model` and `prior_outcomes` as in `RankerRow`, and the log losses so far."""

    version: int
    features: list[str]
    number: int
    rejected: int
    weights: bytes
    intercepts: bytes
    squares: bytes
    examples: int
    learned_loss: float
    published_loss: float
    sequence_model: str = ""
    prior_outcomes: bytes = b""


ROUND_CODEC = RowCodec(RoundRow, current=1)
_SHAPE = (ranker.BUCKETS, len(ranker.TASKS), features.COUNT)


@dataclass(slots=True)
class _Round:
    examples: int = 0
    learned_loss: float = 0.0
    published_loss: float = 0.0


@dataclass(slots=True)
class Learner:
    """`published` is what workers rank with, `first` what learning started from."""

    published: Ranker
    squares: Doubles
    first: Ranker
    prior_outcomes: PriorOutcomes
    rejected: int = 0
    #: Where the models of this round began; None = at what is published.
    _begun: "tuple[Doubles, Doubles, Doubles] | None" = None
    _models: dict[tuple[int, int], "LogisticRegression"] = field(default_factory=dict)
    _round: _Round = field(default_factory=_Round)

    @classmethod
    def start(cls, first: Ranker | None = None) -> "Learner":
        """Before anything was learned, from the `first` ranker (None = the one without a sequence model)."""
        first = first or Ranker.start()
        outcomes = PriorOutcomes.start(first.prior_strengths.tolist())
        return cls(first, np.full(_SHAPE, FIRST_SQUARES), first, outcomes)

    @classmethod
    def from_row(cls, value: bytes, first: Ranker | None = None) -> "Learner":
        """The learner that wrote a row, at its last accepted round; see `ranker_of` about rows of former releases."""
        row = CODEC.decode(value)
        published = ranker_of(value, first)
        if row.sequence_model != published.sequence_model:
            return replace(cls.start(first), published=published)
        if value[1] == 1:
            return replace(cls.start(first), published=published, rejected=row.rejected)
        squares = _placed(row.squares, _places(row.features), np.full(_SHAPE, FIRST_SQUARES))
        first = first or Ranker.start()
        outcomes = PriorOutcomes.of(first.prior_strengths.tolist(), row.prior_outcomes)
        return cls(published, squares, first, outcomes, row.rejected)

    def to_row(self) -> bytes:
        """The accepted state."""
        published = self.published
        return CODEC.encode(
            RankerRow(
                RANKER_VERSION,
                list(features.NAMES),
                published.weights.astype("<f8").tobytes(),
                published.intercepts.astype("<f8").tobytes(),
                self.squares.astype("<f8").tobytes(),
                published.number,
                self.rejected,
                published.sequence_model,
                published.prior_strengths.tolist(),
                self.prior_outcomes.stored(),
            )
        )

    def round_row(self) -> bytes | None:
        """What the round that is not over has learned so far; None when it has no example yet."""
        if not self._round.examples:
            return None
        weights, intercepts, squares = (array.astype("<f8").tobytes() for array in self._learned())
        number, so_far = self.published.number, self._round
        return ROUND_CODEC.encode(
            RoundRow(
                *(1, list(features.NAMES), number, self.rejected, weights, intercepts, squares),
                *(so_far.examples, so_far.learned_loss, so_far.published_loss, self.published.sequence_model),
                self.prior_outcomes.stored(),
            )
        )

    def resume(self, value: bytes) -> None:
        """Goes on in the round that `round_row` kept; one of other features, beside another sequence model or on top of
        another state is given up."""
        row = ROUND_CODEC.decode(value)
        mine = (list(features.NAMES), self.published.number, self.rejected, self.published.sequence_model)
        if (features.present_names(row.features), row.number, row.rejected, row.sequence_model) != mine:
            return
        self._begun = (
            np.frombuffer(row.weights, "<f8").reshape(_SHAPE),
            np.frombuffer(row.intercepts, "<f8").reshape(_SHAPE[:2]),
            np.frombuffer(row.squares, "<f8").reshape(_SHAPE),
        )
        self._round = _Round(row.examples, row.learned_loss, row.published_loss)
        if row.prior_outcomes:
            self.prior_outcomes = PriorOutcomes.of(self.first.prior_strengths.tolist(), row.prior_outcomes)

    def learn(self, example: Example) -> bool:
        """Learn from one example; True when a round ended by it (accepted or rejected). One of a decision beside
        another sequence model (it waited in a snapshot of another version) teaches nothing."""
        if not len(example.features) or example.sequence_model != self.published.sequence_model:
            return False
        if example.bucket:  # the ranker of users without history is fixed
            for task in range(len(ranker.TASKS)):
                self._learn_task(example, task)
            self.prior_outcomes.see(example.bucket, example.places)
        self._round.examples += 1
        if self._round.examples < ROUND:
            return False
        self._accept_or_reject()
        return True

    def _learn_task(self, example: Example, task: int) -> None:
        positive = example.liked if ranker.TASKS[task] == "like" else True
        model = self._model(example.bucket, task)
        published = (
            example.features @ self.published.weights[example.bucket, task]
            + self.published.intercepts[example.bucket, task]
        )
        weights = example.weights.tolist() or [1.0] * len(example.features)
        for place, (row, weight) in enumerate(zip(example.features.tolist(), weights, strict=True)):
            named = dict(zip(features.NAMES, row, strict=True))
            label = positive and place == 0
            self._round.learned_loss += weight * log_loss(_probability(model, named), label)
            self._round.published_loss += weight * log_loss(_sigmoid(float(published[place])), label)
            model.learn_one(named, label, w=weight)

    def _model(self, bucket: int, task: int) -> "LogisticRegression":
        model = self._models.get((bucket, task))
        if model is None:
            from river import linear_model, optim  # see load_river

            weights, intercepts, squares = (array[bucket, task] for array in self._where_it_began())
            model = linear_model.LogisticRegression(
                optim.AdaGrad(LEARNING_RATE), l2=L2, intercept_init=float(intercepts)
            )
            for name, weight, square in zip(features.NAMES, weights.tolist(), squares.tolist(), strict=True):
                model._weights[name] = weight
                model.optimizer.g2[name] = square
            self._models[bucket, task] = model
        return model

    def _where_it_began(self) -> tuple[Doubles, Doubles, Doubles]:
        return self._begun or (self.published.weights, self.published.intercepts, self.squares)

    def _accept_or_reject(self) -> None:
        ended, self._round = self._round, _Round()
        learned = self._learned()
        self._begun = None
        finite = all(np.isfinite(array).all() for array in learned)
        if finite and ended.learned_loss <= ended.published_loss * (1 + WORSE_BY):
            weights, intercepts, self.squares = learned
            number = self.published.number + 1
            self.published = replace(self.published, weights=weights, intercepts=intercepts, number=number)
        else:
            self.rejected += 1
            self._models.clear()
        strengths = self.prior_outcomes.strengths(
            self.first.prior_strengths.tolist(), self.published.prior_strengths.tolist()
        )
        if (strengths != self.published.prior_strengths).any():
            number = self.published.number + 1
            self.published = replace(self.published, prior_strengths=strengths, number=number)

    def _learned(self) -> tuple[Doubles, Doubles, Doubles]:
        weights, intercepts, squares = (array.copy() for array in self._where_it_began())
        for place, model in self._models.items():
            weights[place] = [model.weights[name] for name in features.NAMES]
            intercepts[place] = model.intercept
            squares[place] = [model.optimizer.g2[name] for name in features.NAMES]
        return weights, intercepts, squares


def load_river() -> None:
    """Imports river. It brings most of SciPy, which takes a second, and one worker learns: so it is not imported with
    this module. Whoever is going to learn calls this in a thread, and the first example need not wait for it."""
    importlib.import_module("river.linear_model")


def ranker_of(value: bytes, first: Ranker | None = None) -> Ranker:
    """The ranker in a row of `ranker.weights`. Weights of version 1, and those that were learned beside another
    sequence model (in a snapshot of another version), are of features that are gone: they are read as where learning
    starts, the `first` ranker (None = the one without a sequence model); those of version 1 with the number they had.
    Features that came since weigh what they weigh there. Raises ValueError when a row has features that this code does
    not know."""
    row = CODEC.decode(value)
    first = first or Ranker.start()
    if row.sequence_model != first.sequence_model:
        return first
    if value[1] == 1:
        return replace(first, number=row.number)
    return replace(
        first,
        weights=_placed(row.weights, _places(row.features), first.weights.copy()),
        intercepts=np.frombuffer(row.intercepts, "<f8").reshape(_SHAPE[:2]),
        number=row.number,
        prior_strengths=_strengths(row.prior_strengths, first),
    )


def _strengths(stored: list[float], first: Ranker) -> Doubles:
    """float64[buckets]; the `first` ranker's where a row has none, as those of former releases."""
    return np.array(stored) if len(stored) == ranker.BUCKETS else first.prior_strengths


def _places(stored: list[str]) -> list[int]:
    """Where the features of a row are now."""
    names = features.present_names(stored)
    if not names or set(names) - set(features.NAMES) or len(set(names)) != len(names):
        raise ValueError(f"the ranker was learned with the features {', '.join(stored)}")
    return [features.NAMES.index(name) for name in names]


def _placed(stored: bytes, places: list[int], array: Doubles) -> Doubles:
    """`array` float64[buckets, tasks, features] with what was stored of the features at `places`."""
    array[:, :, places] = np.frombuffer(stored, "<f8").reshape(*_SHAPE[:2], len(places))
    return array


def log_loss(probability: float, label: bool) -> float:
    """-ln of the probability given to what happened; at most 27.6, so that one surprise does not decide a round. NaN
    stays NaN."""
    if math.isnan(probability):
        return probability
    return -math.log(max(probability if label else 1 - probability, 1e-12))


def _probability(model: "LogisticRegression", named: dict[str, float]) -> float:
    logit = model.intercept + sum(model.weights.get(name, 0.0) * value for name, value in named.items())
    return _sigmoid(logit)


def _sigmoid(logit: float) -> float:
    """NaN stays NaN; beyond 50 nothing changes, and nothing overflows."""
    return logit if math.isnan(logit) else 1 / (1 + math.exp(-min(max(logit, -50.0), 50.0)))
