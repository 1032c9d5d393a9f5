"""What is continued follows from the newest event of each item, however a log is cut, repeated and delayed."""

import random
from collections.abc import Sequence
from typing import Any

import pytest

from streams.contract.events import EventType, Interaction
from streams.sinks.cassandra.rows import Watched
from streams.sinks.cassandra.tables import WATCHING, WATCHING_STATE
from streams.sinks.cassandra.watching import State, WatchingChanges, changes_of

START_MS = 1_790_000_000_000
ITEMS = ("a", "b")


class Store:
    """Rows as Cassandra keeps them: the latest write of a column wins, and a deletion wins over what is as late."""

    def __init__(self) -> None:
        self.rows: dict[tuple[Any, ...], dict[str, tuple[int, Any]]] = {}
        self.deleted: dict[tuple[Any, ...], int] = {}

    def apply(self, changes: WatchingChanges) -> None:
        for deletion in changes.deletions:
            key = WATCHING, deletion.last_watched_at_ms, deletion.content_id
            self.deleted[key] = max(self.deleted.get(key, 0), deletion.write_us)
        for row in (*changes.rows, *changes.states):
            values = row.values
            when = (values["last_watched_at"],) if row.table == WATCHING else ()
            cells = self.rows.setdefault((row.table, *when, values["content_id"]), {})
            for name, value in values.items():
                cells[name] = max(cells.get(name, (0, value)), (row.write_us, value))

    def watching(self) -> set[tuple[int, str]]:
        """When and which item, of rows that are not deleted."""
        return {
            (key[1], key[2])
            for key, cells in self.rows.items()
            if key[0] == WATCHING and max(at for at, _ in cells.values()) > self.deleted.get(key, 0)
        }

    def known(self) -> dict[str, State]:
        """The states of items."""
        return {
            key[1]: State(*(cells[name][1] for name in ("last_at", "is_over", "watch_duration_s", "completion_pct")))
            for key, cells in self.rows.items()
            if key[0] == WATCHING_STATE
        }


def watched(offset: int, kind: str, item: str, at: int, **figures: Any) -> Watched:
    return Watched(Interaction(f"e{offset}", EventType(kind), "u", item, START_MS + at, **figures), 0, offset)


def log_of(draw: random.Random) -> list[Watched]:
    """Up to 8 events on two items within a few milliseconds, in any order of time."""
    return [
        watched(
            offset,
            draw.choice(("play", "watch_start", "watch_progress", "watch_end", "hide")),
            draw.choice(ITEMS),
            draw.randrange(13),
            completion_pct=draw.choice((None, 0.0, 40.0, 92.0, 97.0)),
            watch_duration_s=draw.choice((None, 0.0, 300.0)),
        )
        for offset in range(draw.randint(1, 8))
    ]


def continued(log: Sequence[Watched]) -> set[tuple[int, str]]:
    """The oracle: of each item the newest event that says anything; what ends it wins within a millisecond."""
    found = set()
    for item in ITEMS:
        said = []
        for event in (one.event for one in log if one.event.item_id == item):
            measures = event.completion_pct is not None or event.watch_duration_s is not None
            done = event.completion_pct is not None and event.completion_pct >= 95
            credits_left = event.event_type in ("watch_progress", "watch_end") and (event.completion_pct or 0) >= 90
            ends = event.event_type == "watch_end" and (not measures or credits_left)
            over = event.event_type == "hide" or done or ends
            if over or event.event_type != "play" or measures:
                said.append((event.timestamp_ms, over))
        if said and not max(said)[1]:
            found.add((max(said)[0], item))
    return found


@pytest.mark.parametrize("seed", range(20))
def test_any_cut_and_repetition_leaves_the_newest(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(50):
        log, store, begin = log_of(draw), Store(), 0
        while begin < len(log):
            end = draw.randint(begin + 1, len(log))
            changes = changes_of("u", log[begin:end], store.known())
            store.apply(changes)
            goes_back = end < len(log) and draw.random() < 0.25
            begin = draw.randint(0, end) if goes_back else end
            if draw.random() < 0.2:
                store.apply(changes)  # the same, by a process that was frozen
        store.apply(changes_of("u", log, store.known()))
        assert store.watching() == continued(log), log


@pytest.mark.parametrize("seed", range(20))
def test_a_log_at_once_is_a_log_event_by_event(seed: int) -> None:
    draw = random.Random(seed)
    for _ in range(50):
        log, store = log_of(draw), Store()
        for one in log:
            store.apply(changes_of("u", [one], store.known()))
        assert store.watching() == continued(log), log


def test_nothing_of_an_item_that_was_over_is_left_when_it_is_begun_again() -> None:
    store = Store()
    store.apply(changes_of("u", [watched(0, "watch_progress", "a", 0, completion_pct=40.0)], store.known()))
    store.apply(changes_of("u", [watched(1, "hide", "a", 0)], store.known()))  # in the same millisecond
    (begun,) = changes_of("u", [watched(2, "watch_start", "a", 1)], store.known()).rows
    assert begun.values["completion_pct"] == 0.0


def test_what_arrives_after_its_deletion_stays_deleted() -> None:
    store = Store()
    first, second = watched(0, "watch_start", "a", 0), watched(1, "watch_progress", "a", 5)
    of_a_frozen_process = changes_of("u", [first], {})
    store.apply(changes_of("u", [first, second], {}))
    store.apply(of_a_frozen_process)
    assert store.watching() == {(START_MS + 5, "a")}


def test_figures_that_are_not_given_stay_and_end_with_the_item() -> None:
    begun = changes_of("u", [watched(0, "watch_progress", "a", 0, completion_pct=40.0, watch_duration_s=60.0)], {})
    store = Store()
    store.apply(begun)
    paused = changes_of("u", [watched(1, "watch_progress", "a", 1, watch_duration_s=90.0)], store.known())
    store.apply(paused)
    (row,) = paused.rows
    assert (row.values["completion_pct"], row.values["watch_duration_s"]) == (40.0, 90.0)
    store.apply(changes_of("u", [watched(2, "watch_end", "a", 2, completion_pct=99.0)], store.known()))
    assert store.watching() == set()
    (again,) = changes_of("u", [watched(3, "watch_start", "a", 3)], store.known()).rows
    assert (again.values["completion_pct"], again.values["watch_duration_s"]) == (0.0, 0.0)
