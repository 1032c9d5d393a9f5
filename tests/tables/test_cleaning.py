"""Bots and the daily share: who is held back, for how long, and what neither rule may touch."""

import pytest

from streams.contract.events import EventType, Interaction
from streams.contract.units import DAY_MS, MINUTE_MS
from tables.cleaning import CleaningLimits, CleaningRow, ExclusionReason, is_bot, over_daily_share
from tables.user_plane import Fold, FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
LIMITS = CleaningLimits()


def event(number: int, at_ms: int, kind: EventType = EventType.VIEW) -> Interaction:
    return Interaction(f"e{number}", kind, "u", f"i{number}", at_ms)


def folds(times_ms: list[int], append_ms: int | None = None, kind: EventType = EventType.VIEW) -> list[Fold]:
    plane = UserPlane(0, 1, {}, FoldLimits(cleaning=CleaningLimits(training_events_per_day=0)))
    return [
        plane.fold(event(number, at_ms, kind), b"u", number, append_ms or at_ms)
        for number, at_ms in enumerate(times_ms)
    ]


def held(sequence: list[Fold]) -> list[int]:
    return [number for number, fold in enumerate(sequence) if fold.held_back is ExclusionReason.BOT]


def test_a_hundred_a_minute_is_a_person_one_more_is_a_bot() -> None:
    assert held(folds([NOW_MS + number * 599 for number in range(100)])) == []
    assert held(folds([NOW_MS + number * 590 for number in range(101)])) == [100]


def test_the_minute_slides() -> None:
    across = [NOW_MS + 30_000 + number * 500 for number in range(101)]  # over the turn of a minute
    assert held(folds(across)) == [100]


def test_a_flagged_event_tells_the_model_nothing_but_stays_with_the_user() -> None:
    plane = UserPlane(0, 1, {}, FoldLimits())
    last = [plane.fold(event(number, NOW_MS + number), b"u", number, NOW_MS + number) for number in range(101)][-1]
    assert (last.signal, last.held_back) == (None, ExclusionReason.BOT)
    user = plane.view("u")
    assert user is not None
    assert (user.row.folded, user.row.cleaning.flagged) == (101, 1)
    assert "i100" in user.history.entries


def test_the_flag_goes_after_a_quiet_period() -> None:
    burst = [NOW_MS + number for number in range(101)]
    last_ms = burst[-1]
    later = [last_ms + LIMITS.bot_quiet_ms - 1, last_ms + LIMITS.bot_quiet_ms]
    assert held(folds(burst + later)) == [100, 101]


def test_going_on_at_full_speed_prolongs_the_flag() -> None:
    bot = [NOW_MS + number * 100 for number in range(10_000)]  # 1000 s of 600 a minute
    assert held(folds(bot)) == list(range(100, 10_000))


def test_a_basket_counts_once() -> None:
    assert held(folds([NOW_MS] * 300, kind=EventType.PURCHASE)) == []
    assert held(folds([NOW_MS] * 101)) == [100]


def test_an_imported_history_at_the_pace_of_a_person_is_never_held_back() -> None:
    plane = UserPlane(0, 1, {}, FoldLimits())
    append_ms = NOW_MS + 2 * DAY_MS
    outcomes = [plane.fold(event(number, NOW_MS + 1_000 * number), b"u", number, append_ms) for number in range(500)]
    assert all(fold.held_back is None and fold.signal is not None for fold in outcomes)


@pytest.mark.parametrize("behind_ms", [61 * MINUTE_MS, DAY_MS, 30 * DAY_MS])
def test_a_bot_that_dates_its_events_back_is_a_bot(behind_ms: int) -> None:
    append_ms = NOW_MS + behind_ms
    assert held(folds([NOW_MS + number * 10 for number in range(300)], append_ms)) == list(range(100, 300))


def test_a_bot_that_dates_its_events_back_behind_those_of_the_present_is_one_too() -> None:
    plane = UserPlane(0, 1, {}, FoldLimits())
    plane.fold(event(0, NOW_MS), b"u", 0, NOW_MS)
    late = [plane.fold(event(n, NOW_MS - 2 * 60 * MINUTE_MS + n), b"u", n, NOW_MS) for n in range(1, 300)]
    assert [number for number, fold in enumerate(late, 1) if fold.held_back] == list(range(101, 300))
    again = plane.fold(event(300, NOW_MS + MINUTE_MS), b"u", 300, NOW_MS + MINUTE_MS)
    assert again.held_back is None  # what is said of the past says nothing of the present


def test_backdated_events_teach_all_and_count_in_trends_with_a_days_share() -> None:
    """At the pace of a person and all appended at once, as an import comes, or a bot that wants to look like one."""
    plane = UserPlane(0, 1, {}, FoldLimits())
    midnight = NOW_MS // DAY_MS * DAY_MS
    times = [midnight + day * DAY_MS + number * 10 * MINUTE_MS for day in range(3) for number in range(100)]
    outcomes = [
        plane.fold(event(number, at_ms), b"u", number, midnight + 4 * DAY_MS) for number, at_ms in enumerate(times)
    ]
    signals = [fold.signal for fold in outcomes]
    assert all(signal is not None and signal.learns for signal in signals)
    assert [signal.in_trends for signal in signals if signal] == ([True] * 50 + [False] * 50) * 3
    user = plane.view("u")
    assert user is not None
    assert (user.row.cleaning.capped, user.row.cleaning.backdated.capped) == (0, 150)


def test_an_import_uses_up_nothing_of_the_present() -> None:
    plane = UserPlane(0, 1, {}, FoldLimits())
    noon = NOW_MS // DAY_MS * DAY_MS + DAY_MS // 2
    for number in range(80):
        plane.fold(event(number, noon - 5 * 60 * MINUTE_MS + number * MINUTE_MS), b"u", number, noon)
    live = [plane.fold(event(100 + n, noon + n * MINUTE_MS), b"u", 100 + n, noon + n * MINUTE_MS) for n in range(50)]
    assert all(fold.held_back is None and fold.signal and fold.signal.in_trends for fold in live)


def test_a_clock_that_runs_ahead_gains_no_second_minute() -> None:
    row = CleaningRow()
    flagged = [is_bot(row, event(n, NOW_MS + n % 2 * 200_000), NOW_MS + 30_000, LIMITS) for n in range(101)]
    assert flagged[-1]


def test_the_window_is_bounded_and_ordered() -> None:
    row = CleaningRow()
    for number in range(2_000):
        at_ms = NOW_MS + number * 7_919 % 50_000
        is_bot(row, event(number, at_ms), NOW_MS + 60_000, LIMITS)
        assert row.recent_ms == sorted(row.recent_ms)
        assert len(row.recent_ms) <= LIMITS.bot_events_per_minute + 1


def test_fifty_events_a_day_train_and_the_next_day_starts_anew() -> None:
    plane = UserPlane(0, 1, {}, FoldLimits())
    day = [NOW_MS // DAY_MS * DAY_MS + number * 5 * MINUTE_MS for number in range(60)]
    times = day + [at_ms + DAY_MS for at_ms in day[:2]]
    outcomes = [plane.fold(event(number, at_ms), b"u", number, at_ms) for number, at_ms in enumerate(times)]
    assert [number for number, fold in enumerate(outcomes) if fold.held_back is ExclusionReason.DAILY_SHARE] == [
        *range(50, 60)
    ]
    user = plane.view("u")
    assert user is not None
    assert user.row.cleaning.capped == 10


def test_yesterday_keeps_its_own_share_when_events_arrive_around_midnight() -> None:
    limits = CleaningLimits(training_events_per_day=2)
    row = CleaningRow()
    today = 19_000 * DAY_MS
    order = [today - 1, today, today - 2, today + 1, today - 3, today + 2, today - DAY_MS - 1]
    assert [over_daily_share(row, at_ms, limits) for at_ms in order] == [False, False, False, False, True, True, True]


def test_a_day_without_events_has_its_share_untouched() -> None:
    limits = CleaningLimits(training_events_per_day=2)
    row = CleaningRow()
    first = 19_000 * DAY_MS
    order = [first, first, first + 2 * DAY_MS, first + DAY_MS, first + DAY_MS, first + DAY_MS]
    assert [over_daily_share(row, at_ms, limits) for at_ms in order] == [False] * 5 + [True]


def test_both_rules_can_be_switched_off() -> None:
    off = CleaningLimits(bot_events_per_minute=0, training_events_per_day=0)
    plane = UserPlane(0, 1, {}, FoldLimits(cleaning=off))
    outcomes = [plane.fold(event(number, NOW_MS), b"u", number, NOW_MS) for number in range(300)]
    assert all(fold.held_back is None for fold in outcomes)
