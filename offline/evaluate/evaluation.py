"""The whole of `freshet evaluate`: each model replays the log by itself, then the figures are put side by side."""

from collections.abc import Callable, Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass, field, replace
from typing import Any, Protocol

import numpy as np

from offline.evaluate.baselines.nightly import Nightly
from offline.evaluate.intervals import interval
from offline.evaluate.log import EvaluationLog
from offline.evaluate.models import DENSE, DENSE_ITEMS, FRESHET, MODELS, EvaluationConditions
from offline.evaluate.prequential import EvaluatedEvents, Window, prequential
from offline.evaluate.report import difference, model_report
from offline.evaluate.whole_list import ListScores, TimeSplit, whole_lists
from streams.contract.units import DAY_MS

#: More users than this are sampled for whole lists.
MOST_LISTS = 2000
#: Whole lists are made as of the log's end, when many users of an old data set have been idle for longer than we keep
#: anybody; no baseline forgets them.
FOR_EVER_MS = 100 * 365 * DAY_MS


class EvaluationProgress(Protocol):
    """Shows how far a replay is: `with progress("popularity", 100_000) as advance: advance(1000)`."""

    def __call__(self, what: str, total: int, /) -> AbstractContextManager[Callable[[int], None]]: ...


@dataclass(frozen=True)
class Evaluation:
    """What came of it: by model what happened at every evaluated event, and to every whole list if these were asked
    for; `skipped` says why a model is not there, `refits` how often those of the night learned."""

    log: EvaluationLog
    window: Window
    given: EvaluationConditions
    evaluated: dict[str, EvaluatedEvents]
    lists: dict[str, ListScores]
    skipped: dict[str, str]
    refits: dict[str, int] = field(default_factory=dict)

    def as_dict(self) -> dict[str, Any]:
        """For `--json`."""
        seed = self.given.seed
        models = {name: model_report(evaluated, self.log.catalog, seed) for name, evaluated in self.evaluated.items()}
        for name, scores in self.lists.items():
            models[name]["whole_list"] = scores.report(seed)
        for name, fits in self.refits.items():
            models[name]["refits"] = fits
        report: dict[str, Any] = {
            "events": len(self.log.events),
            "evaluated": next((len(evaluated) for evaluated in self.evaluated.values()), 0),
            "from_event": self.window.start,
            "to_event": self.window.stop,
            "every": self.window.every,
            "users": self.log.users(),
            "items": self.log.items(),
            "repeats_left_out": self.log.repeats,
            "production_lag_ms": self.given.lag_ms,
            "seed": seed,
            "models": models,
            "skipped": self.skipped,
        }
        ours = self.evaluated.get(FRESHET)
        if ours is not None:
            report["freshet_minus"] = {
                name: difference(ours, evaluated, seed) for name, evaluated in self.evaluated.items() if name != FRESHET
            }
            for name in self.lists.keys() & report["freshet_minus"].keys():
                report["freshet_minus"][name]["whole_list_ndcg_at_10"] = self._list_difference(name)
        return report

    def _list_difference(self, name: str) -> dict[str, Any]:
        gains = self.lists[FRESHET].ndcg - self.lists[name].ndcg
        users = np.arange(len(gains), dtype=np.int32)
        return {"mean": round(float(gains.mean()), 4), "ci95": interval(gains, users, self.given.seed)}


def evaluate(
    log: EvaluationLog,
    window: Window,
    names: Sequence[str],
    given: EvaluationConditions,
    progress: EvaluationProgress,
    *,
    with_whole_lists: bool,
    finished: Callable[[str, EvaluatedEvents], None] = lambda *_: None,
) -> Evaluation:
    """Evaluates the models of these `names`, one after the other; `finished` hears of each when it is done. Raises
    `NotAList`."""
    skipped = too_large(log.items(), names)
    result = Evaluation(log, window, given, {}, {}, skipped)
    split = TimeSplit.of(log.events, MOST_LISTS, given.seed) if with_whole_lists else None
    for name in names:
        if name in skipped:
            continue
        model = MODELS[name](given)
        with progress(name, window.stop) as advance:
            result.evaluated[name] = prequential(log.events, model, window, advance, log.catalog)
        if isinstance(model, Nightly):
            result.refits[name] = model.fits
        finished(name, result.evaluated[name])
        if split is not None:
            with progress(f"{name}, whole lists", len(split.train)) as advance:
                result.lists[name] = whole_lists(split, MODELS[name](replace(given, retention_ms=FOR_EVER_MS)), advance)
    return result


def too_large(items: int, names: Sequence[str]) -> dict[str, str]:
    """By name why a model is left out for so many items."""
    if items <= DENSE_ITEMS:
        return {}
    reason = f"keeps a dense matrix of items: {items} items are more than {DENSE_ITEMS}"
    return {name: reason for name in names if name in DENSE}
