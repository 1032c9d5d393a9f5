"""What an event costs where it is folded, part by part, beside a former commit in the same run.

    freshet bench folds [--former DIR] [--data DIR] [--repeats N] [--json]

MovieLens 100K without servers, in batches of 500 events that are told to four partitions of items and published each:
parse, the users' fold, routing, the items' fold and publication, and following that in one process. Prints process CPU
by event, the median of all batches, the lowest of the repeats, and bytes by event. `--former` is a checkout of another
commit (`git worktree add`), which takes turns with this one. Needs the data set: exit code 2 without it.
"""

import argparse
import json
import os
import statistics
import subprocess
import sys
import time
from collections import defaultdict
from pathlib import Path
from typing import Any

PARTITIONS, BATCH, WARM, MEASURED = 4, 500, 40_000, 12_000
USERS = ("parse", "users: fold", "users: rows", "users: route")
PUBLISH, FOLLOW = ("items: fold", "items: publication"), ("follow",)
EXIT_USAGE = 2


class Clock:
    """CPU of this process by part, in µs an event; one element a batch."""

    def __init__(self) -> None:
        self.took: dict[str, list[float]] = defaultdict(list)
        self._at_ns = 0

    def begin(self) -> None:
        """What was done until now is nobody's."""
        self._at_ns = time.process_time_ns()

    def end(self, part: str) -> None:
        """What was done since then, or since the part before, is this part's."""
        now_ns = time.process_time_ns()
        self.took[part].append((now_ns - self._at_ns) / 1_000 / BATCH)
        self.begin()


def measure(data: Path) -> dict[str, Any]:
    """µs and bytes an event of the commit that is imported."""
    from offline.datasets.movielens_100k import MovieLens100K
    from offline.datasets.rows import encode as encode_row
    from streams.contract.events import parse_interaction
    from streams.contract.partitioning import partition_of
    from tables.delta_records import records_of
    from tables.item_model import ItemModel
    from tables.item_plane import ItemLimits, ItemPlane
    from tables.user_plane import FoldLimits, UserPlane

    rows = [row for _, row in zip(range(WARM + MEASURED), MovieLens100K.find(data).events(), strict=False)]
    sent = [(encode_row(row), row.timestamp, row.user_id.encode()) for row in rows]
    users = [UserPlane(number, PARTITIONS, {}, FoldLimits(cached_users=1_000_000)) for number in range(PARTITIONS)]
    items = [ItemPlane(number, {}, ItemLimits()) for number in range(PARTITIONS)]
    model, size = ItemModel(), dict.fromkeys(("item.deltas", "item.model", "user.rows", "records of item.model"), 0)
    clock = Clock()
    for first in range(0, len(sent), BATCH):
        if first == WARM:
            clock, size = Clock(), dict.fromkeys(size, 0)
        batch = sent[first : first + BATCH]
        owners = [partition_of(key, PARTITIONS) for _, _, key in batch]
        clock.begin()
        events = [parse_interaction(value, append_ms) for value, append_ms, _ in batch]
        clock.end("parse")
        signals: list[list[Any]] = [[] for _ in range(PARTITIONS)]
        for nth, (event, owner) in enumerate(zip(events, owners, strict=True)):
            fold = users[owner].fold(event, batch[nth][2], first + nth, batch[nth][1])
            if fold.signal is not None:
                signals[owner].append(fold.signal)
        clock.end("users: fold")
        user_rows = [plane.changes() for plane in users]
        clock.end("users: rows")
        records = [record for number, told in enumerate(signals) for record in records_of(told, PARTITIONS, number)]
        clock.end("users: route")
        for target, value in records:
            items[target].apply(value)
        clock.end("items: fold")
        published = [plane.changes() for plane in items]
        clock.end("items: publication")
        for changes in published:
            for key, value in changes:
                model.apply(key, value)
        clock.end("follow")
        size["item.deltas"] += sum(len(value) for _, value in records)
        size["item.model"] += sum(len(key) + len(value or b"") for one in published for key, value in one)
        size["user.rows"] += sum(len(key) + len(value or b"") for one in user_rows for key, value in one)
        size["records of item.model"] += sum(map(len, published))
    return {
        "us": {part: statistics.median(took) for part, took in clock.took.items()},
        "bytes": {name: total / MEASURED for name, total in size.items()},
    }


def in_another_process(checkout: Path, data: Path) -> dict[str, Any]:
    """The figures of the commit in a folder."""
    command = [sys.executable, str(Path(__file__).resolve()), "--measure", "--data", str(data)]
    environment = {**os.environ, "PYTHONPATH": str(checkout), "OPENBLAS_NUM_THREADS": "1"}
    done = subprocess.run(command, env=environment, cwd=checkout, stdout=subprocess.PIPE, check=True)
    found: dict[str, Any] = json.loads(done.stdout)
    return found


def compare(checkouts: dict[str, Path], data: Path, repeats: int) -> dict[str, Any]:
    """The lowest of each part's figures by checkout, and their ratios, repeat by repeat."""
    runs: dict[str, list[dict[str, Any]]] = {name: [] for name in checkouts}
    for _ in range(repeats):
        for name, checkout in checkouts.items():
            runs[name].append(in_another_process(checkout, data))
    found: dict[str, Any] = {"batch": BATCH, "repeats": repeats}
    for name, repeated in runs.items():
        parts = repeated[0]["us"]
        found[name] = {
            "us_per_event": {part: round(min(run["us"][part] for run in repeated), 1) for part in parts},
            "per_event": {what: round(amount, 1) for what, amount in repeated[-1]["bytes"].items()},
        }
    if "former" in runs:
        found["former_by_this"] = {
            "users": _ratios(runs, USERS),
            "publish_and_follow": _ratios(runs, (*PUBLISH, *FOLLOW)),
        }
    return found


def _ratios(runs: dict[str, list[dict[str, Any]]], parts: tuple[str, ...]) -> dict[str, float]:
    """Of the former commit's figures by this one's, repeat by repeat."""
    former, own = ([sum(float(run["us"][part]) for part in parts) for run in runs[name]] for name in ("former", "this"))
    ratios = [before / now for before, now in zip(former, own, strict=True)]
    return {
        "median": round(statistics.median(ratios), 2),
        "least": round(min(ratios), 2),
        "most": round(max(ratios), 2),
    }


def main() -> None:
    """Command line."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--data", type=Path, help="folder that holds ml-100k/ (default: FRESHET_DATA_DIR)")
    parser.add_argument("--former", type=Path, help="a checkout of another commit")
    parser.add_argument("--repeats", type=int, default=3, help="how often each commit is measured (3)")
    parser.add_argument("--json", action="store_true", help="print the object as the last line of standard output")
    parser.add_argument("--measure", action="store_true", help=argparse.SUPPRESS)
    arguments = parser.parse_args()
    data = arguments.data or (Path(os.environ["FRESHET_DATA_DIR"]) if "FRESHET_DATA_DIR" in os.environ else None)
    if data is None or not (data / "ml-100k").is_dir():
        print("no data: give --data DIR or set FRESHET_DATA_DIR to the folder that holds ml-100k/", file=sys.stderr)
        sys.exit(EXIT_USAGE)
    if arguments.measure:
        print(json.dumps(measure(data)))
        return
    checkouts = {"this": Path(__file__).resolve().parent.parent}
    if arguments.former is not None:
        checkouts["former"] = arguments.former.resolve()
    found = compare(checkouts, data, arguments.repeats)
    for name in checkouts:
        print(f"{name}: " + ", ".join(f"{part} {us}" for part, us in found[name]["us_per_event"].items()) + " µs")
        print(f"{name}: " + ", ".join(f"{what} {amount}" for what, amount in found[name]["per_event"].items()))
    if "former_by_this" in found:
        print(f"former by this: {found['former_by_this']}")
    if arguments.json:
        print(json.dumps(found))


if __name__ == "__main__":
    main()
