"""Sessions end after 30 minutes or with another explicit id."""

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import EventType, Interaction
from tables.session import GAP_MS, SessionRow, step

NOW_MS = 1_700_000_000_000


def session(*events: tuple[int, str | None], finishes: bool = False) -> SessionRow:
    row = SessionRow()
    for at_ms, session_id in events:
        step(row, Interaction("e", EventType.VIEW, "u", "i", NOW_MS + at_ms, session_id=session_id), finishes=finishes)
    return row


def test_a_gap_of_thirty_minutes_is_within_a_session_more_is_not() -> None:
    row = session((0, None), (GAP_MS, None))
    assert (row.sessions, row.events, row.length_s) == (1, 2, 1800.0)
    row = session((0, None), (GAP_MS + 1, None))
    assert (row.sessions, row.events, row.length_s) == (2, 1, 0.0)


def test_another_explicit_id_begins_a_session_at_once() -> None:
    assert session((0, "a"), (1, "a"), (2, "b")).sessions == 2


def test_an_event_without_id_belongs_to_the_session_it_falls_into() -> None:
    row = session((0, "a"), (1, None), (2, "a"))
    assert (row.sessions, row.events, row.session_id) == (1, 3, "a")


def test_late_events_join_the_session_or_are_ignored() -> None:
    row = session((0, None), (-GAP_MS, None))
    assert (row.sessions, row.events, row.length_s) == (1, 2, 1800.0)
    assert session((0, None), (-GAP_MS - 1, None)).events == 1
    assert session((0, "b"), (-1, "a")).events == 1


def test_three_finished_items_are_a_binge() -> None:
    assert not session((0, None), (1, None), finishes=True).is_binge
    assert session((0, None), (1, None), (2, None), finishes=True).is_binge


@given(st.lists(st.integers(0, 4 * GAP_MS), max_size=30))
def test_in_order_sessions_equal_a_count_of_gaps(steps: list[int]) -> None:
    times = [0]
    for wait_ms in steps:
        times.append(times[-1] + wait_ms)
    row = session(*((at_ms, None) for at_ms in times))
    assert row.sessions == 1 + sum(wait_ms > GAP_MS for wait_ms in steps)
    assert row.last_ms == NOW_MS + times[-1]
