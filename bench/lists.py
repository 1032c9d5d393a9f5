"""What a list costs by the size of the batch it is made in, in µs of CPU; beside a former commit, lap by lap.

    freshet bench lists --former DIR --data DIR

`values` is everything that a refresh writes of a user, `lists` the items, scores and reasons alone. Two processes have
the state after 40,000 events of MovieLens 100K; they take turns. Of each batch the fastest of the laps counts, and of
all batches of a size the median: what other processes take away from both is not counted. Each kind
is also made with a sequence model of the usual size, in the same process and lap.
"""

import argparse
import json
import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import ExitStack
from itertools import islice
from pathlib import Path
from statistics import median
from types import SimpleNamespace
from typing import Any

import numpy as np

from agents.lists.list_maker import ListMaker
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from serving.keys import Keys
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import parse_interaction
from tables.user import User

EVENTS = 40_000
SIZE = 100
USERS = 200
BATCHES = (1, 10, 100)
LAPS = 7

Made = Callable[[Sequence[User]], object]


def measured(data: Path) -> Iterator[dict[str, list[list[float]]]]:
    """By kind and size of batch, the µs of CPU a user of each batch; one lap for each line that is read."""
    path, films = ProductionPath(), MovieLens100K.find(data)
    known: dict[str, None] = {}
    path.describe((row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in films.items())
    for row in islice(films.events(), EVENTS):
        event = parse_interaction(encode(row), row.timestamp)
        path.learn(event)
        known.pop(event.user_id, None)
        known[event.user_id] = None
    now_ms = event.timestamp_ms + 1_000
    path.publish(now_ms)
    users = [user for user_id in list(known)[-USERS:] if (user := path.user(user_id)) is not None]
    kinds = {"values": _values(path, now_ms), "lists": _lists(path, now_ms)}
    if hasattr(path.model, "sequence"):
        columns = random_columns(path.model)
        for kind, made in list(kinds.items()):
            kinds[f"{kind} with a sequence model"] = _with_sequence_model(made, path.model, columns)
    yield {}
    while sys.stdin.readline():
        yield {f"{kind} {size}": _lap(make, users, size) for kind, make in kinds.items() for size in BATCHES}


def random_columns(model: Any) -> Any:
    """A sequence model of the usual size, of whose numbers nothing depends."""
    from tables.sequence.sequence_columns import SequenceColumns

    columns = SequenceColumns(random_sequence_model([item_id for item_id in model.ids if item_id]))
    columns.follow(model.keys.keys[: len(model)])
    return columns


def random_sequence_model(items: Sequence[str]) -> Any:
    """The same as it is in a file; the ranker asks all features."""
    from ranking import features
    from tables.sequence.sequence_model import SHAPES, RankerStart, SequenceModel

    random = np.random.default_rng(0)
    sizes = {"items": len(items), "width": 64, "states": 128, "dimensions": 64, "inner": 256, "linear": 320}
    arrays: dict[str, Any] = {}
    for name, shape in SHAPES.items():
        whole = [size if isinstance(size, int) else sizes[size] for size in shape]
        arrays[name] = (0.1 * random.standard_normal(whole)).astype(np.float32)
    arrays["linear_items"] = random.integers(0, len(items), arrays["linear_weights"].shape).astype(np.int32)
    weights = [[], *([1.0] * features.COUNT for _ in range(3))]
    return SequenceModel(tuple(items), arrays, 0, RankerStart(list(features.NAMES), weights, [-5.0] * 4))


def _with_sequence_model(make: Made, model: Any, columns: Any) -> Made:
    def made(users: Sequence[User]) -> object:
        model.sequence = columns
        try:
            return make(users)
        finally:
            model.sequence = None

    return made


def _lap(make: Made, users: Sequence[User], size: int) -> list[float]:
    taken = []
    for start in range(0, len(users) if size > 1 else len(users) // 4, size):
        batch = users[start : start + size]
        began = time.process_time_ns()
        make(batch)
        taken.append((time.process_time_ns() - began) / 1_000 / len(batch))
    return taken


def _values(path: ProductionPath, now_ms: int) -> Made:
    follower = SimpleNamespace(
        model=path.model, ranker=path.ranker, catalogue_version=1, changed_since=lambda _since: None
    )
    maker: Any = ListMaker(follower, Keys("t", "v"), "v", SIZE, 1_000)  # type: ignore[arg-type]
    if hasattr(maker, "values_of"):
        return lambda users: maker.values_of([(user, None) for user in users], 0, now_ms)
    return lambda users: [maker.user_values(user, None, 0, now_ms) for user in users]


def _lists(path: ProductionPath, now_ms: int) -> Made:
    from ranking import decision, pipeline

    model, ranker, settings = path.model, path.ranker, pipeline.DEFAULT_RULES
    given = (model, ranker, SIZE, settings)
    if hasattr(decision, "Decisions"):
        several = decision.Decisions.of
        return lambda users: pipeline.decided(
            several([(user, None) for user in users], model, ranker, now_ms, SIZE), *given
        )
    one: Any = vars(decision)["Decision"].of
    return lambda users: [pipeline.decided(one(user, None, model, ranker, now_ms, SIZE), *given) for user in users]


def compare(former: Path | None, data: Path) -> dict[str, Any]:
    """Median µs a user by kind and size of batch, and how many times as much it was in the former commit."""
    checkouts = {"now": Path(__file__).parent.parent} | ({"former": former} if former else {})
    laps: dict[str, list[dict[str, list[float]]]] = {name: [] for name in checkouts}
    with ExitStack() as stack:
        workers = {name: stack.enter_context(_worker(checkout, data)) for name, checkout in checkouts.items()}
        for worker in workers.values():
            _read(worker)
        for _ in range(LAPS):
            for name, worker in workers.items():
                assert worker.stdin is not None
                worker.stdin.write("\n")
                worker.stdin.flush()
                laps[name].append(_read(worker))
        for worker in workers.values():
            worker.communicate()
    report: dict[str, Any] = {name: _medians(found) for name, found in laps.items()}
    now = report["now"]
    report["ratio_without_sequence_model"] = {
        kind: round(now[kind] / now[f"{kind.partition(' ')[0]} with a sequence model {kind.partition(' ')[2]}"], 2)
        for kind in now
        if "sequence" not in kind
    }
    if former:
        report["ratio"] = {
            kind: round(report["former"][kind] / us, 2)
            for kind, us in report["now"].items()
            if kind in report["former"]
        }
    return report


def _worker(checkout: Path, data: Path) -> "subprocess.Popen[str]":
    command = [sys.executable, str(Path(__file__).resolve()), "--laps", "--data", str(data.resolve())]
    environment = {**os.environ, "PYTHONPATH": str(checkout.resolve()), "OPENBLAS_NUM_THREADS": "1"}
    return subprocess.Popen(
        command, cwd=checkout, env=environment, stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )


def _read(worker: "subprocess.Popen[str]") -> dict[str, list[float]]:
    assert worker.stdout is not None
    line = worker.stdout.readline()
    if not line:
        raise SystemExit(f"a measured process ended: {worker.wait()}")
    found: dict[str, list[float]] = json.loads(line)
    return found


def _medians(laps: Sequence[dict[str, list[float]]]) -> dict[str, float]:
    return {kind: round(median(map(min, zip(*(lap[kind] for lap in laps), strict=True))), 1) for kind in laps[0]}


def main() -> None:
    """Prints the report."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, default=Path(os.environ.get("FRESHET_DATA_DIR", "data")))
    parser.add_argument("--former", type=Path, help="a checkout to compare with")
    parser.add_argument("--json", action="store_true", help="print JSON")
    parser.add_argument("--laps", action="store_true", help=argparse.SUPPRESS)
    asked = parser.parse_args()
    if asked.laps:
        for lap in measured(asked.data):
            print(json.dumps(lap), flush=True)
        return
    report = compare(asked.former, asked.data)
    if asked.json:
        print(json.dumps(report))
        return
    for name, figures in report.items():
        print(name, "  ".join(f"{kind}: {figure:g}" for kind, figure in figures.items()))


if __name__ == "__main__":
    main()
