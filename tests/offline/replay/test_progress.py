"""Rate, remaining time and lag of a replay."""

import pytest

from offline.replay.progress import WINDOW_S, Position, ReplayRate

NOW_MS = 1_800_000_000_000


def at(second: float, folded: int, end: int, watermark_ms: int = NOW_MS - 1_000, waiting: bool = True) -> Position:
    return Position(second, folded, end, watermark_ms, waiting, caught_up=not waiting)


def test_a_resumed_replay_shows_the_whole_log() -> None:
    progress = ReplayRate(begin=100).add(at(0, 600, 1_100), NOW_MS)
    assert (progress.folded, progress.total, progress.behind) == (500, 1_000, 500)
    assert (progress.events_per_s, progress.eta_s, progress.lag_ms) == (None, None, 1_000)


def test_what_arrives_meanwhile_is_waited_for_too() -> None:
    replay_rate = ReplayRate(0)
    replay_rate.add(at(0, 0, 1_000), NOW_MS)
    progress = replay_rate.add(at(10, 500, 1_100), NOW_MS)
    assert progress.events_per_s == 50
    assert progress.eta_s == pytest.approx(600 / (50 - 10))
    assert replay_rate.add(at(11, 500, 9_000), NOW_MS).eta_s is None  # it grows faster than it is read


def test_the_rate_is_of_late() -> None:
    replay_rate = ReplayRate(0)
    for second in range(100):
        progress = replay_rate.add(at(second, 1_000 if second < 50 else 1_000 + 100 * (second - 49), 100_000), NOW_MS)
    assert progress.events_per_s == pytest.approx(100, rel=2 / WINDOW_S)


def test_a_log_that_ends_in_markers_is_at_its_head() -> None:
    progress = ReplayRate(0).add(at(0, 990, 1_000, waiting=False), NOW_MS)
    assert (progress.behind, progress.eta_s, progress.lag_ms) == (0, 0.0, 0)
