"""The whole of `freshet evaluate --protocol leave-one-out` and `time-split`: each model learns by itself what is not
held out, and its figures are told as soon as it has them."""

from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from typing import Any

from offline.evaluate.evaluation import FOR_EVER_MS, EvaluationProgress, too_large
from offline.evaluate.held_out import HeldOutEvents, held_out
from offline.evaluate.log import EvaluationLog
from offline.evaluate.models import FRESHET, MODELS, EvaluationConditions
from offline.evaluate.prequential import EvaluatedEvents
from offline.evaluate.report import difference, model_report
from offline.evaluate.splits import Split
from ranking.rerank.settings import RerankSettings

#: Lists are asked for once, when everything is learned: events after which items are published before.
SELDOM = 20_000
#: Hears the name of a model and what came of it.
Finished = Callable[[str, EvaluatedEvents], None]


@dataclass(frozen=True)
class HeldOutEvaluation:
    """By model what happened at every target; `skipped` says why a model is not there."""

    log: EvaluationLog
    learned: int
    targets: int
    given: EvaluationConditions
    models: dict[str, HeldOutEvents]
    skipped: dict[str, str]

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        seed = self.given.seed
        models = {
            name: model_report(found.evaluated, self.log.catalog, seed) | {"candidate_recall": found.candidate_recall}
            for name, found in self.models.items()
        }
        report: dict[str, Any] = {
            "events": len(self.log.events),
            "learned": self.learned,
            "evaluated": self.targets,
            "users": self.log.users(),
            "items": self.log.items(),
            "repeats_left_out": self.log.repeats,
            "seed": seed,
            "models": models,
            "skipped": self.skipped,
        }
        ours = self.models.get(FRESHET)
        if ours is not None:
            report["freshet_minus"] = {
                name: difference(ours.evaluated, found.evaluated, seed)
                for name, found in self.models.items()
                if name != FRESHET
            }
        return report


def evaluate_held_out(
    log: EvaluationLog,
    split: Split,
    names: Sequence[str],
    given: EvaluationConditions,
    progress: EvaluationProgress,
    finished: Finished = lambda *_: None,
) -> HeldOutEvaluation:
    """Evaluates the models of these `names`, one after the other: without rules of re-ranking and exploration, which
    others' figures know nothing of, and without forgetting anybody. Raises `NotAList`."""
    skipped = too_large(log.items(), names)
    learned, targets = split.learned(log.events), split.targets(log.events)
    result = HeldOutEvaluation(log, len(learned), len(targets), given, {}, skipped)
    bare = replace(given, retention_ms=FOR_EVER_MS, rules=RerankSettings.off(), most_unpublished=SELDOM)
    for name in names:
        if name in skipped:
            continue
        with progress(name, len(learned) + len(targets)) as advance:
            result.models[name] = held_out(learned, targets, MODELS[name](bare), advance, log.catalog)
        finished(name, result.models[name].evaluated)
    return result
