"""Trains a sequence model: its recurrent part by gradient, its linear part in closed form, then the ranker's start
weights beside both, on what none of them has learned of."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import Final, Protocol

import numpy as np

from offline.evaluate.evaluation import FOR_EVER_MS
from offline.evaluate.foreknowledge import HELD_OUT
from offline.evaluate.held_out_evaluation import SELDOM
from offline.evaluate.log import EvaluationLog
from offline.evaluate.splits import Part, Split
from offline.production_path import ProductionPath
from offline.training import linear, ranker_fit, recurrent
from offline.training.ranker_fit import FittedDecision
from offline.training.recurrent import Epoch, RecurrentSettings, TrainedRecurrent
from offline.training.sequences import Sequences
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction
from tables.sequence.sequence_model import SequenceModel

LIST_SIZE = 100


class TooLittleToTrain(ValueError):
    """A log without sequences, or without anything to tune on."""


class TrainingProgress(Protocol):
    """Shows how far a part of the training is: `with progress("decisions", 100) as advance: advance(10)`."""

    def __call__(self, what: str, total: int, /) -> AbstractContextManager[Callable[[int], None]]: ...


_DEFAULT: Final = RecurrentSettings()


@dataclass(frozen=True)
class TrainingPlan:
    """`seeds` are trained one after the other, and the best by validation is kept; `folder` holds what a training that
    is ended goes on from."""

    folder: Path
    seeds: Sequence[int] = (0,)
    settings: RecurrentSettings = _DEFAULT


def train(
    log: EvaluationLog,
    split: Split,
    plan: TrainingPlan,
    progress: TrainingProgress,
    report: Callable[[int, Epoch], None] = lambda *_: None,
) -> SequenceModel:
    """The model of a log without what its split holds out; tuned on the split's validation part. `report` hears of
    every epoch of every seed. Raises `TooLittleToTrain` and `recurrent.TrainingDiverged`."""
    learned, targets = split.learned(log.events, with_validation=False), split.targets(log.events, Part.VALIDATION)
    sequences = Sequences.of(learned, targets)
    if not len(sequences.targets) or max(map(len, sequences.histories), default=0) < 2:
        raise TooLittleToTrain("there is nobody with two items and a third one to tune on")
    best, seed = _best(sequences, plan, report)
    named, weights = linear.fit(sequences)
    arrays = recurrent.arrays_of(best.best) | {"linear_items": named, "linear_weights": weights}
    until_ms = max(event.timestamp_ms for event in (*learned, *targets))  # epochs and weights are chosen by targets
    model = _readable(SequenceModel(tuple(sequences.items), arrays, until_ms))
    decisions, recall = _decisions(log.catalog, learned, targets, model, progress)
    start, fitted = ranker_fit.fit(decisions)
    about = {
        "events": len(learned),
        "users": len(sequences.histories),
        "items": len(sequences.items),
        "validation_targets": len(targets),
        HELD_OUT: split.digest(),
        "seed": seed,
        "settings": asdict(plan.settings),
        "curve": [asdict(epoch) for epoch in best.curve],
        "ranker": fitted,
        "validation_candidate_recall": round(recall, 4),
    }
    return _readable(replace(model, ranker=start, about=about))


def _best(
    sequences: Sequences, plan: TrainingPlan, report: Callable[[int, Epoch], None]
) -> tuple[TrainedRecurrent, int]:
    plan.folder.mkdir(parents=True, exist_ok=True)
    found: list[tuple[TrainedRecurrent, int]] = []
    for seed in plan.seeds:
        settings = replace(plan.settings, seed=seed)

        def told(epoch: Epoch, seed: int = seed) -> None:
            report(seed, epoch)

        checkpoint = plan.folder / f"seed-{seed}.checkpoint"
        found.append((recurrent.train(sequences, settings, checkpoint, told), seed))
    return max(found, key=lambda pair: pair[0].ndcg_at_10)


def _readable(model: SequenceModel) -> SequenceModel:
    """The model as it is read again."""
    return SequenceModel.decode(model.encode())


def _decisions(
    catalog: dict[str, CatalogItem],
    learned: list[Interaction],
    targets: list[Interaction],
    model: SequenceModel,
    progress: TrainingProgress,
) -> tuple[dict[int, list[FittedDecision]], float]:
    path = ProductionPath(
        rules=RerankSettings.off(), retention_ms=FOR_EVER_MS, sequence_model=model, most_unpublished=SELDOM
    )
    path.describe(catalog.items())
    with progress("what items learn", len(learned)) as advance:
        for number, event in enumerate(learned):
            path.learn(event)
            if number % 1000 == 0:
                advance(number)
    now_ms = int(np.max([event.timestamp_ms for event in learned]))
    with progress("decisions", min(len(targets), ranker_fit.MOST_DECISIONS)) as advance:
        return ranker_fit.decisions_at(path, targets, now_ms, LIST_SIZE, advance)
