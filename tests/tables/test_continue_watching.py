"""Continue watching: progress, resume, removal, order and bound."""

import pytest

from streams.events import EventType, Interaction
from tables.continue_watching import MAX_ENTRIES, ContinueWatching

START, PROGRESS, END = EventType.WATCH_START, EventType.WATCH_PROGRESS, EventType.WATCH_END


def watch(
    watching: ContinueWatching,
    kind: EventType,
    at_ms: int,
    *,
    item: str = "film",
    pct: float | None = None,
    position_s: float | None = None,
) -> None:
    watching.step(Interaction("e", kind, "u", item, at_ms, watch_duration_s=position_s, completion_pct=pct))


def progress(watching: ContinueWatching) -> dict[str, float]:
    return {entry.item_id: entry.progress_pct for entry in watching.newest_first()}


def test_progress_is_followed_across_devices() -> None:
    watching = ContinueWatching([])
    watch(watching, START, 1)
    watch(watching, PROGRESS, 2, pct=40.0, position_s=1200.0)
    watch(watching, START, 3)  # play pressed on another device: resumes
    (entry,) = watching.newest_first()
    assert (entry.progress_pct, entry.position_s, entry.updated_at_ms) == (40.0, 1200.0, 3)


@pytest.mark.parametrize(
    ("kind", "pct"), [(PROGRESS, 95.0), (END, 91.0), (END, None), (EventType.HIDE, None), (START, 96.0)]
)
def test_what_is_done_or_hidden_leaves(kind: EventType, pct: float | None) -> None:
    watching = ContinueWatching([])
    watch(watching, PROGRESS, 1, pct=50.0)
    watch(watching, kind, 2, pct=pct)
    assert len(watching) == 0


def test_an_end_in_the_middle_stays() -> None:
    watching = ContinueWatching([])
    watch(watching, END, 1, pct=30.0)
    assert progress(watching) == {"film": 30.0}


def test_watching_again_starts_again() -> None:
    watching = ContinueWatching([])
    watch(watching, END, 1, pct=100.0)
    watch(watching, START, 2)
    assert progress(watching) == {"film": 0.0}


def test_a_late_progress_changes_nothing() -> None:
    watching = ContinueWatching([])
    watch(watching, PROGRESS, 5, pct=50.0)
    watch(watching, PROGRESS, 4, pct=10.0)
    assert progress(watching) == {"film": 50.0}


def test_newest_first_and_bounded_whatever_the_order_of_arrival() -> None:
    watching = ContinueWatching([])
    for number in [*range(0, 60, 2), *range(1, 60, 2)]:
        watch(watching, PROGRESS, number, item=f"film {number}", pct=1.0)
    updates = [entry.updated_at_ms for entry in watching.newest_first()]
    assert updates == sorted(updates, reverse=True)
    assert len(updates) == MAX_ENTRIES


def test_it_survives_its_rows() -> None:
    watching = ContinueWatching([])
    watch(watching, PROGRESS, 1, pct=12.5, position_s=30.0)
    assert ContinueWatching(watching.to_rows()).newest_first() == watching.newest_first()
