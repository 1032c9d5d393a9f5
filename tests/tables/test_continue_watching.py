"""Continue watching: progress, resume, removal, order and bound."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import EventType, Interaction, parse_interaction
from tables.continue_watching import MAX_ENTRIES, ContinueWatching

PLAY, START, PROGRESS, END = EventType.PLAY, EventType.WATCH_START, EventType.WATCH_PROGRESS, EventType.WATCH_END


def watch(
    watching: ContinueWatching,
    kind: EventType,
    at_ms: int,
    *,
    item: str = "film",
    pct: float | None = None,
    watched_s: float | None = None,
) -> None:
    watching.step(Interaction("e", kind, "u", item, at_ms, watch_duration_s=watched_s, completion_pct=pct))


def left(watching: ContinueWatching, duration_s: float | None) -> list[tuple[float, float]]:
    """(progress in percent, position in s) of what is left, of items of a length."""
    return [(entry.progress_pct, entry.position_s) for entry in watching.newest_first(lambda _: duration_s)]


def progress(watching: ContinueWatching) -> dict[str, float]:
    return {entry.item_id: entry.progress_pct for entry in watching.newest_first()}


def test_progress_is_followed_across_devices() -> None:
    watching = ContinueWatching([])
    watch(watching, START, 1)
    watch(watching, PROGRESS, 2, pct=40.0, watched_s=1200.0)
    watch(watching, START, 3)  # play pressed on another device: resumes
    (entry,) = watching.newest_first()
    assert (entry.progress_pct, entry.position_s, entry.updated_at_ms) == (40.0, 1200.0, 3)


def test_the_position_is_the_percentage_of_the_length() -> None:
    watching = ContinueWatching([])
    watch(watching, PROGRESS, 1, pct=50.0, watched_s=3_000.0)
    watch(watching, START, 2)
    watch(watching, PROGRESS, 3, pct=60.0, watched_s=600.0)  # ten minutes of the second evening
    assert left(watching, 6_000.0) == [(60.0, 3_600.0)]


def test_without_a_percentage_sittings_add_up() -> None:
    watching = ContinueWatching([])
    watch(watching, START, 1)
    watch(watching, PROGRESS, 2, watched_s=1_000.0)
    watch(watching, PROGRESS, 3, watched_s=3_000.0)
    watch(watching, START, 4)
    watch(watching, PROGRESS, 5, watched_s=400.0)
    watch(watching, PROGRESS, 6, watched_s=600.0)
    assert left(watching, 6_000.0) == [(60.0, 3_600.0)]
    assert left(watching, None) == [(0.0, 3_600.0)]
    watch(watching, PROGRESS, 7, watched_s=100.0)  # less than before: another sitting, nobody said that it started
    assert left(watching, None) == [(0.0, 3_700.0)]


def test_what_was_watched_since_a_percentage_goes_on_from_there() -> None:
    watching = ContinueWatching([])
    watch(watching, PROGRESS, 1, pct=50.0, watched_s=500.0)
    watch(watching, PROGRESS, 2, watched_s=800.0)
    assert left(watching, 6_000.0) == [pytest.approx((55.0, 3_300.0))]


def test_the_length_says_what_is_done_where_a_percentage_is_missing() -> None:
    watching = ContinueWatching([])
    watch(watching, START, 1)
    watch(watching, END, 2, watched_s=3_000.0)
    assert left(watching, 6_000.0) == [(50.0, 3_000.0)]
    assert left(watching, 3_100.0) == []
    assert left(watching, None) == []  # it ended, and nobody knows where
    watch(watching, START, 3)
    assert left(watching, None) == [(0.0, 3_000.0)]


def test_a_play_with_progress_is_continued_and_one_that_says_nothing_begins_nothing() -> None:
    value = b'{"event_type":"PLAY","user_id":"u","content_id":"film","timestamp":1767225600000,"progress_pct":45}'
    watching = ContinueWatching([])
    watching.step(parse_interaction(value, 1_767_225_600_000))
    assert left(watching, 6_000.0) == [(45.0, 2_700.0)]
    watch(watching, PLAY, 1_767_225_700_000)
    watch(watching, PLAY, 1_767_225_700_000, item="trailer")
    assert progress(watching) == {"film": 45.0}


amounts = st.none() | st.integers(0, 4_000)


@given(
    st.lists(st.tuples(st.sampled_from([PLAY, START, PROGRESS]), st.none() | st.integers(0, 90), amounts), max_size=12),
    st.sampled_from([None, 3_000.0, 9_000.0]),
)
def test_positions_equal_brute_force(
    sent: list[tuple[EventType, int | None, int | None]], duration_s: float | None
) -> None:
    watching = ContinueWatching([])
    sittings: list[list[tuple[int | None, int]]] = []  # of each, what was reported: percentage and seconds so far
    begun = False
    for at, (kind, pct, watched_s) in enumerate(sent):
        watch(watching, kind, at, pct=pct, watched_s=watched_s)
        begun = begun or kind is not PLAY or pct is not None or watched_s is not None
        if not begun:
            continue
        before_s = sittings[-1][-1][1] if sittings else 0
        if not sittings or kind is not PROGRESS or (watched_s is not None and watched_s < before_s):
            sittings.append([])
            before_s = 0
        sittings[-1].append((pct, before_s if watched_s is None else watched_s))
    total = sum(sitting[-1][1] for sitting in sittings)
    base_pct, since_s = 0, total
    for number, sitting in enumerate(sittings):
        for pct, so_far_s in sitting:
            if pct is not None:
                later_s = sum(later[-1][1] for later in sittings[number + 1 :])
                base_pct, since_s = pct, sitting[-1][1] - so_far_s + later_s
    expected = []
    if begun and duration_s is None:
        expected = [(base_pct, total)]
    elif begun and duration_s is not None:
        position_s = min(duration_s, base_pct / 100 * duration_s + since_s)
        expected = [(position_s / duration_s * 100, position_s)] if position_s < 0.95 * duration_s else []
    assert left(watching, duration_s) == [pytest.approx(one) for one in expected]


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
    watch(watching, PROGRESS, 1, pct=12.5, watched_s=30.0)
    assert ContinueWatching(watching.to_rows()).newest_first() == watching.newest_first()
