"""Digests of what the folds make of the golden log: what stands behind the numbers of the folds.

    python tests/support/golden_digests.py [--record]

prints the digests; `--record` notes them under the present numbers, and refuses to do so when a number that is noted
already gave others, or when a new number gives the same.
"""

import argparse
import hashlib
import json
from collections.abc import Iterator
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any, NamedTuple

import msgspec
import numpy as np
from golden_log import golden_events, golden_signals
from invariant_logs import HOUR_MS, PARTITIONS, START_MS, Log, NoLists, as_logs, finish, record

from agents.dead_letters import DeadLetters
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from streams.contract.erasure import ErasureMarker
from tables import associations, item_rows
from tables.fold_version import FOLD_VERSION, ITEM_FOLD_VERSION
from tables.item_deltas import encode, route, tell_time
from tables.item_plane import ItemLimits, ItemPlane
from tables.user_plane import FoldLimits, UserPlane

RECORDED = Path(__file__).parents[1] / "invariants" / "golden_digests.json"
BATCH = 50
#: Smaller than in service, so that everything that is limited meets its limit: a history ends, a bot is flagged.
LIMITS = FoldLimits(history=30, cached_users=5)
LIMITS = replace(LIMITS, cleaning=replace(LIMITS.cleaning, training_events_per_day=8, bot_events_per_minute=25))
ERASED = ("u3", "u17")
FLOAT_TOLERANCE = 1e-5


# -- rows of users ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class UserDigests:
    """Of all rows at the end, and of everything else that folding wrote, in its order."""

    rows: str
    deltas: str
    dead_letters: str


def user_digests() -> UserDigests:
    """What the golden log comes to."""
    rows, deltas, dead_letters = hashlib.sha256(), hashlib.sha256(), hashlib.sha256()
    for folded in user_steps():
        for target, value in folded.deltas:
            _add(deltas, b"%d" % target, value)
        for dead_letter in folded.dead_letters:
            _add(dead_letters, *dead_letter)
        for key, row in sorted(folded.store.items()):
            _add(rows, key, row)
    return UserDigests(rows.hexdigest(), deltas.hexdigest(), dead_letters.hexdigest())


class UserFold(NamedTuple):
    """One partition behind the end of its log; `dead_letters` are (reason, partition, offset)."""

    step: InteractionsStep
    dead_letters: list[tuple[bytes, ...]]
    store: dict[bytes, bytes]
    deltas: list[tuple[int, bytes]]


def user_steps() -> Iterator[UserFold]:
    """Folds the golden log partition by partition, in batches of 50 records; some users are erased half-way."""
    for partition, log in enumerate(as_logs(golden_events())):
        erasures = Erasures()
        folded = _new_fold(partition, erasures)
        for number, batch in enumerate(_batches(log)):
            if number == len(log) // BATCH // 2:
                _erase(erasures, partition, end=batch[0].offset - BATCH // 2)
            for each in batch:
                folded.step.fold(each)
            for sent in finish(folded.step.effects(batch[-1].offset + 1, force=True)).outgoing:
                if sent.topic == "deltas":
                    folded.deltas.append((sent.partition, sent.value))
                else:
                    headers = dict(sent.headers)
                    folded.dead_letters.append(
                        tuple(headers[f"freshet.{name}"] for name in ("reason", "partition", "offset"))
                    )
        yield folded


def _new_fold(partition: int, erasures: Erasures) -> UserFold:
    store: dict[bytes, bytes] = {}

    def plane() -> UserPlane:
        return UserPlane(partition, PARTITIONS, store, LIMITS, erasures.of(partition).ends)

    dead_letters = DeadLetters("letters")
    step = InteractionsStep(plane, NoLists(), OutgoingDeltas("deltas", partition, PARTITIONS), dead_letters, erasures)  # type: ignore[arg-type]
    return UserFold(step, [], store, [])


def _erase(erasures: Erasures, partition: int, end: int) -> None:
    for position, user in enumerate(ERASED):
        marker = ErasureMarker(user, START_MS, end).encode()
        erasures.apply(record(partition, position, 0, user.encode(), marker))


def _batches(log: Log) -> Iterator[Log]:
    for start in range(0, len(log), BATCH):
        yield log[start : start + BATCH]


# -- rows of items ----------------------------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True)
class ItemDigests:
    """`integers` of all rows that hold no weights. `weights` of neighbours, successors and visits: how many, and three
    sums of them, which agree within rounding on every machine."""

    integers: str
    weights: dict[str, list[float]]


def item_digests() -> ItemDigests:
    """What the golden signals come to, in batches of 50, published every third time."""
    stores: list[dict[bytes, bytes]] = [{} for _ in range(PARTITIONS)]
    planes = [ItemPlane(target, store, ItemLimits()) for target, store in enumerate(stores)]
    signals = golden_signals()
    for start in range(0, len(signals), BATCH):
        batch = signals[start : start + BATCH]
        targets = route(batch, PARTITIONS)
        tell_time(targets, PARTITIONS, batch[-1].watermark_ms // HOUR_MS * HOUR_MS)
        for target, entries in sorted(targets.items()):
            planes[target].apply(encode(entries, 0, entries.watermark_ms))
            if start // BATCH % 3 == 2:
                planes[target].changes()
    integers = hashlib.sha256()
    weights = {name: [0.0] * 4 for name in ("neighbours", "successors", "visits")}
    for target, (plane, store) in enumerate(zip(planes, stores, strict=True)):
        plane.changes(whole=True)
        for key, row in sorted(store.items()):
            if key[:1] == item_rows.ASSOCIATIONS:
                _weigh(weights, key, associations.decode(row))
            elif key[:1] != item_rows.LEARNED:
                _add(integers, b"%d" % target, key, row)
    return ItemDigests(integers.hexdigest(), weights)


def _weigh(weights: dict[str, list[float]], key: bytes, row: associations.Stored) -> None:
    """Adds a row: 1 for each neighbour, all weights, and those twice again, with other factors for every item and
    neighbour."""
    neighbours = int(row.sizes[: associations.NEIGHBOUR_SHARDS].sum())
    keys, found = row.keys.tolist(), row.weights.astype(np.float64)
    for name, of_kind, values in (
        ("neighbours", keys[:neighbours], found[:neighbours]),
        ("successors", keys[neighbours:], found[neighbours:]),
        ("visits", [0], np.array([row.visits])),
    ):
        digests = [hashlib.sha256(key + other.to_bytes(8)).digest() for other in of_kind]
        factors = np.array([[digest[0] / 255, digest[1] / 255] for digest in digests]).reshape(-1, 2)
        for place, value in enumerate([float(len(values)), float(values.sum()), *(values @ factors).tolist()]):
            weights[name][place] += value


def _add(digest: "hashlib._Hash", *parts: bytes) -> None:
    for part in parts:
        digest.update(len(part).to_bytes(4, "little") + part)


# -- what is recorded -------------------------------------------------------------------------------------------------


def computed() -> dict[str, dict[str, Any]]:
    """The digests under the names of their numbers; each with one of what was folded, as others fold to others."""
    events, signals = hashlib.sha256(), hashlib.sha256()
    for append_ms, key, value in golden_events():
        _add(events, b"%d" % append_ms, key, value)
    for signal in golden_signals():
        # the values alone: a signal that is given another field tells the same of those it had
        _add(signals, msgspec.json.encode(list(msgspec.structs.astuple(signal))))
    users, items = user_digests(), item_digests()
    return {
        "FOLD_VERSION": {"log": events.hexdigest(), **msgspec.to_builtins(users)},
        "ITEM_FOLD_VERSION": {"log": signals.hexdigest(), **msgspec.to_builtins(items)},
    }


NUMBERS = {"FOLD_VERSION": FOLD_VERSION, "ITEM_FOLD_VERSION": ITEM_FOLD_VERSION}


def recorded() -> dict[str, dict[str, dict[str, Any]]]:
    """What every number of each fold gave."""
    found: dict[str, dict[str, dict[str, Any]]] = json.loads(RECORDED.read_text("utf-8"))
    return found


def same(one: Any, other: Any) -> bool:
    """Whether two digests are equal; weights within rounding."""
    if isinstance(one, dict):
        return one.keys() == other.keys() and all(same(value, other[name]) for name, value in one.items())
    if isinstance(one, list):
        return bool(np.allclose(one, other, rtol=FLOAT_TOLERANCE))
    return bool(one == other)


def complaint(name: str, number: int, found: dict[str, Any], history: dict[str, dict[str, Any]]) -> str | None:
    """Why a fold may not have this number, None = it may; `history` is what its numbers gave."""
    noted = history.get(str(number))
    if noted is not None and noted["log"] == found["log"] and not same(noted, found):
        return f"{name} {number} wrote other rows: the fold was changed. Raise {name} in tables/fold_version.py"
    twins = [other for other, gave in history.items() if other != str(number) and same(gave, found)]
    if twins:
        return f"{name} {number} writes the rows of {name} {twins[0]}: take that number back"
    return None


def note(found: dict[str, dict[str, Any]], history: dict[str, dict[str, dict[str, Any]]]) -> list[str]:
    """Takes the digests into the history under the present numbers; returns why not, if so."""
    complaints = [complaint(name, number, found[name], history.get(name, {})) for name, number in NUMBERS.items()]
    refused = [why for why in complaints if why is not None]
    if not refused:
        for name, number in NUMBERS.items():
            history.setdefault(name, {})[str(number)] = found[name]
    return refused


def main() -> int:
    """The command."""
    parser = argparse.ArgumentParser(description=__doc__, formatter_class=argparse.RawDescriptionHelpFormatter)
    parser.add_argument("--record", action="store_true", help="note the digests under the present numbers")
    found = computed()
    if parser.parse_args().record:
        history = recorded() if RECORDED.exists() else {}
        if refused := note(found, history):
            print("\n".join(refused))
            return 1
        RECORDED.write_text(json.dumps(history, indent=2) + "\n", "utf-8")
    print(json.dumps(found, indent=2))
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
