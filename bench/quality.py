"""How good lists are on real data, through the production path and beside baselines in the same run.

    freshet bench quality [--data DIR] [--only PART]... [--every N] [--json]

Parts: ml_100k, online_retail, ml_1m (recommend, then learn, over the last part of each log), ml_1m_leave_one_out
(the last item of every user among all items, with a sequence model that is trained first, some twenty minutes, unless
--sequence-model names one), cold_start (new users),
new_items (items of which only the catalogue tells), rules_cost (re-ranking on and off), item_vectors and user_embedding
(what they are worth made otherwise), simulator (a closed loop in a world of known truth). One core; nothing is written.
Needs the data sets: exit code 2 without them. What each figure means is in docs/evaluation.md.
"""

import argparse
import json
import sys
import time
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import Any

import model_parts
from evaluators import cold_start, leave_one_out, new_items
from evaluators.both_ways import BothWays, Recorded
from evaluators.new_item_rankers import Chance, ContentCosine, FreshetOnNewItems
from threadpoolctl import threadpool_limits

from offline.datasets.dataset import DatasetError
from offline.datasets.known import KNOWN
from offline.evaluate.baselines.popularity import Popularity
from offline.evaluate.evaluation import Evaluation, evaluate
from offline.evaluate.freshet import Freshet
from offline.evaluate.log import EvaluationLog
from offline.evaluate.metrics import gains, hits, mean
from offline.evaluate.models import FRESHET, MODELS, EvaluationConditions
from offline.evaluate.prequential import EvaluatedEvents, Window, prequential
from offline.evaluate.report import difference, model_report
from offline.production_path import ProductionPath
from ops.configuration.sequence_models import read_sequence_model
from ops.configuration.settings_sources import load_settings
from ops.publish_progress import progress_bar
from ranking.rerank.settings import RerankSettings
from tables.cleaning import CleaningLimits

EXIT_USAGE = 2
LIVE_LAG_MS = 3000  # publication interval, polls and following of item.model
#: What was chosen by looking at figures, and on which events; docs/decisions/0012 and 0014 have these figures.
TUNED = {
    "features, their decays, start weights": "events 45-80 % of ml-100k, 60-80 % of online-retail, 100,000-200,000 of "
    "ml-1m, next item",
    "weight of the prior": "events 60-80 % of online-retail and 120,000-200,000 of ml-1m, next item; users who came "
    "between 15 and 50 % of ml-100k and 30 and 70 % of online-retail, next 20 events",
    "learning rate": "up to 80 % of ml-100k, 60-80 % of online-retail, 120,000-200,000 of ml-1m, next item",
    "vectors of new items": "ml-100k, users of the new items that are drawn with seed 2; the default here is seed 1",
    "lambda of MMR": "events 50-80 % of ml-100k, next item",
    "step of the online update": "events 60-80 % of ml-100k, by the vector alone",
    "sequence model": "the last item but one of every user of ml-1m: kept weights of the ridge, epoch, weights "
    "of the ranker; the last item by nothing",
    "baselines": "the first 80,000 events of ml-100k, by NDCG@10 of whole lists",
}


@dataclass(frozen=True)
class Slice:
    """The evaluated part of a log: events `start` to `stop` (fractions of the first `limit` events), every `every`-th
    of them, and every `baseline_every`-th of those for the baselines in `baselines`."""

    dataset: str
    start: float
    every: int
    baseline_every: int
    baselines: tuple[str, ...]
    limit: int | None = None
    whole_lists: bool = False

    def window(self, events: int, every: int) -> Window:
        """The same events for every model, as far as it is evaluated at them."""
        return Window(int(events * self.start), events, every)


BASELINES = tuple(name for name in MODELS if name != FRESHET)
SLICES = {
    "ml_100k": Slice("ml-100k", 0.8, 1, 1, BASELINES, whole_lists=True),
    # with live histories EASE and ALS would be fitted on every night of two months a second time
    "online_retail": Slice("online-retail", 0.8, 10, 1, tuple(name for name in BASELINES if "live" not in name)),
    "ml_1m": Slice("ml-1m", 0.5, 40, 1, BASELINES, limit=400_000),
}
#: Of the evaluated events of ml-100k every so many-th: for paths that differ in one thing, and for the rules' cost.
VARIANT_EVERY, RULES_EVERY = 8, 4


@dataclass(frozen=True)
class Bench:
    """Where the data is and how much is evaluated."""

    place: Path
    seed: int
    every: int
    state_dir: Path
    sequence_model: str = ""

    @cache  # noqa: B019 - one Bench a process
    def log(self, dataset: str, limit: int | None = None) -> EvaluationLog:
        """A log, read once. Raises `DatasetError`."""
        return EvaluationLog.of(KNOWN[dataset](self.place), limit)

    def accuracy(self, part: Slice) -> dict[str, Any]:
        """Recommend, then learn; ours, then the baselines."""
        log = self.log(part.dataset, part.limit)
        every = part.every * self.every
        ours = self._evaluate(log, part.window(len(log.events), every), [FRESHET], part.whole_lists)
        sample = part.window(len(log.events), every * part.baseline_every)
        others = self._evaluate(log, sample, part.baselines, part.whole_lists)
        figures = ours.as_dict()["models"][FRESHET]
        return {
            **figures,
            "events": len(log.events),
            "evaluated": len(ours.evaluated[FRESHET]),
            "from_event": int(len(log.events) * part.start),
            "every": every,
            "baselines": others.as_dict()["models"],
            "freshet_minus": {
                name: difference(ours.evaluated[FRESHET], evaluated, self.seed)
                for name, evaluated in others.evaluated.items()
            },
        }

    def _evaluate(self, log: EvaluationLog, window: Window, names: Sequence[str], with_whole_lists: bool) -> Evaluation:
        def progress(what: str, total: int) -> Any:
            return progress_bar(what, total, "events")

        given = EvaluationConditions(log.catalog, seed=self.seed)
        return evaluate(log, window, names, given, progress, with_whole_lists=with_whole_lists)

    def ml_100k(self) -> dict[str, Any]:
        """All events of the last 20 %, whole lists; and with the rules against floods, and with the live delay."""
        found = self.accuracy(SLICES["ml_100k"])
        log = self.log("ml-100k")
        for name, path in (
            ("with_flood_rules", ProductionPath(cleaning=CleaningLimits())),
            (f"with_lag_of_{LIVE_LAG_MS}_ms", ProductionPath(lag_ms=LIVE_LAG_MS)),
        ):
            found[name] = self._short(log, self._variant(log, path))
        return found

    def _variant(self, log: EvaluationLog, path: ProductionPath) -> EvaluatedEvents:
        """A sample of the last 20 %."""
        window = SLICES["ml_100k"].window(len(log.events), VARIANT_EVERY * self.every)
        with progress_bar("variant", len(log.events), "events") as advance:
            return prequential(log.events, Freshet(path, log.catalog), window, advance, log.catalog)

    def _short(self, log: EvaluationLog, evaluated: EvaluatedEvents) -> dict[str, Any]:
        figures = model_report(evaluated, log.catalog, self.seed)
        return {"evaluated": len(evaluated)} | {key: figures[key] for key in ("hr_at_10", "ndcg_at_10", "mrr", "ci95")}

    def online_retail(self) -> dict[str, Any]:
        """A sample of the last 20 %."""
        return self.accuracy(SLICES["online_retail"])

    def ml_1m(self) -> dict[str, Any]:
        """A sample of events 200,000 to 400,000; a night is every 86,400 events, which have no times."""
        return self.accuracy(SLICES["ml_1m"])

    def ml_1m_leave_one_out(self) -> dict[str, Any]:
        """The last item of everybody, rules off."""
        given = read_sequence_model(self.sequence_model, "--sequence-model") if self.sequence_model else None
        return leave_one_out.evaluated(self.log("ml-1m"), given, self.state_dir / "bench", self.seed)

    def cold_start(self) -> dict[str, Any]:
        """Users who come in the last half of ml-100k and the last 30 % of online-retail."""
        return {
            "ml_100k": self._cold(self.log("ml-100k"), 0.5),
            "online_retail": self._cold(self.log("online-retail"), 0.7),
        }

    def _cold(self, log: EvaluationLog, start: float) -> dict[str, Any]:
        asked = cold_start.questions(log.events, int(len(log.events) * start))
        path = cold_start.CitingFreshet(ProductionPath(), log.catalog)
        ours = cold_start.answers(log.events, path, asked)
        popular = cold_start.answers(log.events, Popularity(), asked)
        citing = {str(known): round(path.citing[known] / path.lists[known], 4) for known in cold_start.KNOWN if known}
        return {
            "users_from": start,
            "by_known_events": cold_start.report(asked, ours, popular, self.seed),
            "lists_that_cite_the_user": citing,
        }

    def new_items(self) -> dict[str, Any]:
        """P@10 among new items: known from the catalogue only, and after 20 users."""
        log = self.log("ml-100k")
        found: dict[str, Any] = {}
        for known in (0, 20):
            split = new_items.NewItemSplit.of(log.events, known, self.seed)
            rankers = {
                FRESHET: FreshetOnNewItems(log.catalog),
                "content_cosine": ContentCosine(log.catalog),
                "chance": Chance(self.seed),
            }
            evaluated = {
                name: new_items.evaluate_new_items(split, log.catalog, ranker, self.seed)
                for name, ranker in rankers.items()
            }
            counts = {"users": len(split.wanted), "new_items": len(split.new)}
            found[f"after_{known}_users"] = counts | evaluated
        return found

    def rules_cost(self) -> dict[str, Any]:
        """Default re-ranking rules on and off, paired, on a sample of the last 20 %."""
        log = self.log("ml-100k")
        window = SLICES["ml_100k"].window(len(log.events), RULES_EVERY * self.every)
        both = BothWays(ProductionPath(), log.catalog, RerankSettings.off())
        with progress_bar("rules", len(log.events), "events") as advance:
            on = prequential(log.events, both, window, advance)
        off = prequential(log.events, Recorded(both.others), window)
        change = difference(on, off, self.seed)
        with_rules, without = (model_report(evaluated, log.catalog, self.seed) for evaluated in (on, off))
        return {
            "precision_at_10_on": round(mean(hits(on.rank, 10)) / 10, 5),
            "precision_at_10_off": round(mean(hits(off.rank, 10)) / 10, 5),
            "cost": round(1 - (change["hr_ratio"] or 0.0), 4),
            "ndcg_cost": round(1 - gains(on.rank, 10).sum() / gains(off.rank, 10).sum(), 4),
            "difference_of_hr_at_10_ci95": change["hr_at_10_ci95"],
            "evaluated": len(on),
            "three_genres_in_20": {"on": with_rules["three_genres_in_20"], "off": without["three_genres_in_20"]},
            "genre_diversity_at_10": {
                "on": with_rules["genre_diversity_at_10"],
                "off": without["genre_diversity_at_10"],
            },
        }

    def item_vectors(self) -> dict[str, Any]:
        """Of co-occurrence and of ALS, on the last 20 % of every user of ml-100k."""
        return model_parts.vectors(self.log("ml-100k"), self.seed)

    def user_embedding(self) -> dict[str, Any]:
        """With an online update by river and without, on a tenth of the last 20 % of ml-100k."""
        log = self.log("ml-100k")
        return model_parts.user_embeddings(log, SLICES["ml_100k"].window(len(log.events), 10 * self.every), self.seed)

    def simulator(self) -> dict[str, Any]:
        """Lists are shown, people use what they like, and that is learned."""
        return model_parts.simulator(self.seed)


PARTS: dict[str, Callable[[Bench], dict[str, Any]]] = {
    "ml_100k": Bench.ml_100k,
    "online_retail": Bench.online_retail,
    "ml_1m": Bench.ml_1m,
    "ml_1m_leave_one_out": Bench.ml_1m_leave_one_out,
    "cold_start": Bench.cold_start,
    "new_items": Bench.new_items,
    "rules_cost": Bench.rules_cost,
    "item_vectors": Bench.item_vectors,
    "user_embedding": Bench.user_embedding,
    "simulator": Bench.simulator,
}


def show(name: str, figures: dict[str, Any], took_s: float) -> None:
    """What people read of a part."""
    print(f"{name} ({took_s:.0f} s)")
    if "baselines" in figures:
        for model, row in {FRESHET: figures, **figures["baselines"]}.items():
            listed = f", whole lists {row['whole_list']['ndcg_at_10']}" if "whole_list" in row else ""
            print(f"  {model}: HR@10 {row['hr_at_10']} {row['ci95']['hr_at_10']}, NDCG@10 {row['ndcg_at_10']}{listed}")
        nightly = figures["freshet_minus"]["ease_nightly"]
        print(f"  {nightly['ndcg_ratio']} times the NDCG@10 of nightly EASE, {nightly['hr_ratio']} times its HR@10")
        figures = {key: value for key, value in figures.items() if key.startswith("with_")}
    for key, value in figures.items():
        print(f"  {key}: {json.dumps(value)}")


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds the data sets (default: FRESHET_DATA_DIR)")
    parser.add_argument("--only", action="append", choices=PARTS, help="only this part; may be repeated")
    parser.add_argument("--every", type=int, default=1, help="evaluate only every N-th event (default 1)")
    parser.add_argument("--seed", type=int, default=1, help="of samples, intervals and models")
    parser.add_argument("--sequence-model", default="", help="model for ml_1m_leave_one_out, instead of training one")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    arguments = parser.parse_args()
    place = arguments.data or load_settings().data_dir
    if place is None:
        print("no data: give --data DIR or set FRESHET_DATA_DIR", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    bench = Bench(place, arguments.seed, arguments.every, load_settings().state_dir, arguments.sequence_model)
    result: dict[str, Any] = {}
    with threadpool_limits(1):
        for name in arguments.only or PARTS:
            began_s = time.monotonic()
            print(f"{name} …", file=sys.stderr, flush=True)
            try:
                result[name] = PARTS[name](bench)
            except DatasetError as missing:
                print(missing, file=sys.stderr)
                sys.exit(EXIT_USAGE)
            show(name, result[name], time.monotonic() - began_s)
    for what, where in TUNED.items():
        print(f"tuned: {what}: {where}")
    if arguments.json:
        print(json.dumps({**result, "tuned": TUNED, "seed": arguments.seed}))


if __name__ == "__main__":
    main()
