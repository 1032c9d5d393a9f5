"""Rate, remaining time and lag of a replay."""

import pytest

from offline.replay.pace import HEAD_S, WINDOW_S, Head, Pace, Position, Progress

NOW_MS = 1_800_000_000_000


def at(second: float, folded: int, end: int, watermark_ms: int = NOW_MS - 1_000, waiting: bool = True) -> Position:
    return Position(second, folded, end, watermark_ms, waiting)


def test_a_resumed_replay_shows_the_whole_log() -> None:
    progress = Pace(begin=100).add(at(0, 600, 1_100), NOW_MS)
    assert (progress.folded, progress.total, progress.behind) == (500, 1_000, 500)
    assert (progress.events_per_s, progress.eta_s, progress.lag_ms) == (None, None, 1_000)


def test_what_arrives_meanwhile_is_waited_for_too() -> None:
    pace = Pace(0)
    pace.add(at(0, 0, 1_000), NOW_MS)
    progress = pace.add(at(10, 500, 1_100), NOW_MS)
    assert progress.events_per_s == 50
    assert progress.eta_s == pytest.approx(600 / (50 - 10))
    assert pace.add(at(11, 500, 9_000), NOW_MS).eta_s is None  # it grows faster than it is read


def test_the_rate_is_of_late() -> None:
    pace = Pace(0)
    for second in range(100):
        progress = pace.add(at(second, 1_000 if second < 50 else 1_000 + 100 * (second - 49), 100_000), NOW_MS)
    assert progress.events_per_s == pytest.approx(100, rel=2 / WINDOW_S)


def test_a_log_that_ends_in_markers_is_at_its_head() -> None:
    progress = Pace(0).add(at(0, 990, 1_000, waiting=False), NOW_MS)
    assert (progress.behind, progress.eta_s, progress.lag_ms) == (0, 0.0, 0)


def test_a_young_log_of_which_nothing_was_read_is_not_taken_for_its_head() -> None:
    def waiting(lag_s: float) -> Progress:
        return Pace(0).add(at(0, 0, 500, NOW_MS - int(lag_s * 1000)), NOW_MS)

    head = Head()
    assert not head.reached(waiting(1), 100)
    assert not head.reached(waiting(1 + HEAD_S), 100 + HEAD_S)  # what waited then waits still
    assert not head.reached(waiting(1), 107)
    assert not head.reached(waiting(1), 107 + HEAD_S)
    assert head.reached(waiting(1), 108 + HEAD_S)  # others wait now
    assert Head().reached(Pace(0).add(at(0, 500, 500, waiting=False), NOW_MS), 0)
