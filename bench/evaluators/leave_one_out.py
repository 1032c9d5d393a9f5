"""MovieLens 1M as papers evaluate sequential recommenders: the last item of every user, ranked among all items."""

import sys
from pathlib import Path
from typing import Any

from offline.evaluate.foreknowledge import HELD_OUT, refuse_known_targets
from offline.evaluate.held_out_evaluation import evaluate_held_out
from offline.evaluate.log import EvaluationLog
from offline.evaluate.models import FRESHET, EvaluationConditions
from offline.evaluate.splits import Split
from ops.publish_progress import progress_bar
from tables.sequence.sequence_model import SequenceModel

#: Beside ours, in the same run.
BASELINES = ("popularity", "item_knn", "vsknn", "ease_nightly")
SEEDS = (0,)


def trained(log: EvaluationLog, split: Split, folder: Path) -> SequenceModel:
    """The sequence model of what the split does not hold out; one that was trained by it before into `folder` is used
    again, and a training that was ended goes on."""
    from offline.training.train import TrainingPlan, train

    kept = folder / "ml-1m-leave-one-out.model"
    if kept.exists() and (found := SequenceModel.decode(kept.read_bytes())).about.get(HELD_OUT) == split.digest():
        return found
    folder.mkdir(parents=True, exist_ok=True)

    def told(seed: int, epoch: Any) -> None:
        print(
            f"  seed {seed}, epoch {epoch.number}: validation NDCG@10 {epoch.ndcg_at_10}", file=sys.stderr, flush=True
        )

    def progress(what: str, total: int) -> Any:
        return progress_bar(what, total, "events")

    model = train(log, split, TrainingPlan(folder / "ml-1m-leave-one-out", SEEDS), progress, told)
    kept.write_bytes(model.encode())
    return model


def evaluated(log: EvaluationLog, given: SequenceModel | None, folder: Path, seed: int) -> dict[str, Any]:
    """Figures with a sequence model, the `given` one or one that is trained here, and without any. Raises `KnownBefore`
    when the given one was trained by another split."""
    split = Split.leave_one_out(log.events)
    model = given or trained(log, split, folder)
    refuse_known_targets(model, split, log.events)

    def progress(what: str, total: int) -> Any:
        return progress_bar(what, total, "events")

    ours = evaluate_held_out(
        log, split, [FRESHET, *BASELINES], EvaluationConditions(log.catalog, seed=seed, sequence_model=model), progress
    ).as_dict()
    without = evaluate_held_out(log, split, [FRESHET], EvaluationConditions(log.catalog, seed=seed), progress).as_dict()
    return {
        **ours["models"][FRESHET],
        "evaluated": ours["evaluated"],
        "without_sequence_model": without["models"][FRESHET],
        "baselines": {name: ours["models"][name] for name in BASELINES},
        "freshet_minus": ours["freshet_minus"],
        "sequence_model": {"digest": model.digest, **model.about},
    }
