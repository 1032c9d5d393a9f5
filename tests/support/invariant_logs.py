"""Logs for the invariants of the tables, generated and real, and the ways to cut, repeat and interrupt their
folding."""

import random
from collections.abc import Callable, Coroutine, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from aiokafka.structs import ConsumerRecord
from hypothesis import strategies as st

from agents.dead_letters import DeadLetters
from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists.failed_lists import FailedLists
from offline.datasets.movielens_100k import MovieLens100K
from offline.datasets.rows import encode as encode_event
from streams.contract.partitioning import partition_of
from tables import item_rows
from tables.item_deltas import Entries, decode, encode
from tables.item_plane import ItemLimits, ItemPlane
from tables.user_plane import FoldLimits, UserPlane

DATA = Path(__file__).parents[3] / "shared" / "data"
PARTITIONS = 3
START_MS = 1_750_000_000_000
MINUTE_MS = 60_000
HOUR_MS = 60 * MINUTE_MS
DAY_MS = 24 * HOUR_MS
#: Every second user evicts the first one, changed or not.
LIMITS = FoldLimits(cached_users=1)

TYPES = (
    "view",
    "click",
    "like",
    "dislike",
    "watch_start",
    "watch_progress",
    "watch_end",
    "impression",
    "hide",
    "search",
)
GAPS_MS = (0, 1_000, MINUTE_MS, HOUR_MS, 2 * DAY_MS)
BEHIND_MS = (0, 0, 0, 1_000, 4 * MINUTE_MS, 6 * MINUTE_MS, 8 * DAY_MS, 91 * DAY_MS, -4 * MINUTE_MS)

Log = list[ConsumerRecord]


def record(partition: int, offset: int, append_ms: int, key: bytes | None, value: bytes) -> ConsumerRecord:
    """One record of the interactions topic."""
    return ConsumerRecord("user.interactions", partition, offset, append_ms, 1, key, value, None, 0, 0, ())


def as_logs(events: Iterable[tuple[int, bytes, bytes]]) -> list[Log]:
    """(append time, user, value) by partition, in order."""
    logs: list[Log] = [[] for _ in range(PARTITIONS)]
    for append_ms, user, value in events:
        partition = partition_of(user, PARTITIONS)
        logs[partition].append(record(partition, len(logs[partition]), append_ms, user, value))
    return logs


@st.composite
def events(draw: st.DrawFn, gaps_ms: Sequence[int] = GAPS_MS) -> list[tuple[int, bytes, bytes]]:
    """Events of a few users: late, ahead, behind the retention, some damaged, some ids used twice."""
    seed = draw(st.integers(0, 2**32))
    count = draw(st.integers(1, 60))
    pick = random.Random(seed)
    append_ms, made = START_MS, []
    for number in range(count):
        append_ms += pick.choice(gaps_ms)
        user = f"u{pick.randrange(6)}"
        event_id = number if pick.random() > 0.1 else pick.randrange(number + 1)
        fields = (
            f'"event_id":"e{event_id}","event_type":"{pick.choice(TYPES)}","user_id":"{user}","query":"q",'
            f'"country":"{pick.choice(("NL", "DE"))}","completion_pct":{pick.choice((10, 50, 96))},'
            f'"item_id":"i{pick.randrange(9)}","timestamp":{append_ms - pick.choice(BEHIND_MS)}'
        )
        value = "{" + fields + ("}" if pick.random() > 0.05 else "")
        made.append((append_ms, user.encode(), value.encode()))
    return made


def movielens(count: int, start: int = 0) -> list[tuple[int, bytes, bytes]]:
    """Ratings of MovieLens 100K in their order, appended when they were given. Raises DatasetError when absent."""
    rows = list(MovieLens100K.find(DATA).events())[start : start + count]
    return [(row.timestamp, row.user_id.encode(), encode_event(row)) for row in rows]


def cuts_of(pick: random.Random, log: Log, most: int) -> Iterator[Log]:
    """The log in batches of 1 to `most` records."""
    start = 0
    while start < len(log):
        end = start + pick.randint(1, most)
        yield log[start:end]
        start = end


class NoLists:
    """A list keeper that keeps no lists."""

    failed = FailedLists()
    wait = False

    def concern(self, users: object) -> None: ...

    async def refresh(self, plane: UserPlane, users: object, next_offset: int, *, at_once: bool) -> None: ...

    async def forget(self, users: object) -> bool:
        return True


@dataclass
class Folded:
    """What one partition came to: rows as its changelog has them, deltas and dead letters in order of commit."""

    rows: dict[bytes, bytes] = field(default_factory=dict)
    deltas: dict[int, list[bytes]] = field(default_factory=dict)
    dead_letters: list[tuple[str, ...]] = field(default_factory=list)
    late: int = 0
    watermark_ms: int = 0


def fold(
    partition: int,
    batches: Iterable[Log],
    *,
    restarts: bool = False,
    limits: FoldLimits = LIMITS,
    purge: Callable[[UserPlane], object] = lambda _: None,
) -> Folded:
    """Folds batches as the agent does, with a commit after each; `restarts`: with a new owner for every batch; `purge`
    is called between batches."""
    folded = Folded()
    store: dict[bytes, bytes] = {}
    step = _new_step(partition, store, limits)
    for batch in batches:
        if restarts:
            store = dict(folded.rows)
            step = _new_step(partition, store, limits)
        for one in batch:
            step.fold(one)
        purge(step.plane)
        effects = finish(step.effects(0, force=True))
        for key, row in effects.changes:
            folded.rows.pop(key, None) if row is None else folded.rows.__setitem__(key, row)
        for sent in effects.outgoing:
            if sent.topic == "deltas":
                folded.deltas.setdefault(sent.partition, []).append(sent.value)
            else:
                headers = dict(sent.headers)
                names = ("freshet.reason", "freshet.partition", "freshet.offset")
                folded.dead_letters.append(tuple(headers[name].decode() for name in names))
        assert store == folded.rows, "the store and the changelog must say the same"
        folded.late, folded.watermark_ms = step.plane.late, step.plane.watermark_ms
    return folded


def _new_step(partition: int, store: dict[bytes, bytes], limits: FoldLimits) -> InteractionsStep:
    def plane() -> UserPlane:
        return UserPlane(partition, PARTITIONS, store, limits)

    deltas = OutgoingDeltas("deltas", partition, PARTITIONS)
    return InteractionsStep(plane, NoLists(), deltas, DeadLetters("letters"), Erasures())  # type: ignore[arg-type]


def finish(coroutine: Coroutine[Any, Any, Any]) -> Any:
    """The result of a coroutine that never waits."""
    try:
        coroutine.send(None)
    except StopIteration as done:
        return done.value
    raise AssertionError("it waits")


def item_integers(
    target: int, values: Sequence[bytes], publish_every: int = 1, tick_ms: int | None = None
) -> dict[bytes, bytes]:
    """Every row of the item plane but neighbours (weights); with `tick_ms` after a tick that brings this watermark."""
    store: dict[bytes, bytes] = {}
    plane = ItemPlane(target, store, ItemLimits())
    for number, value in enumerate(values):
        plane.apply(value)
        if number % publish_every == 0:
            plane.changes()
    if tick_ms is not None:
        plane.apply(encode(Entries(), 0, tick_ms))
    plane.changes()
    return {key: row for key, row in store.items() if key[:1] not in item_rows.FLOAT_KINDS}


def lateness(folded: Folded) -> list[tuple[int, bool]]:
    """(offset, late) of every visit that the item plane is told of, in order of offset."""
    found = []
    for values in folded.deltas.values():
        for value in values:
            deltas = decode(value)
            found += list(zip(deltas.offsets, deltas.late, strict=False))
    return sorted(found)
