"""The user plane folds in order, refuses what it must and leaves the same rows whatever happens around it."""

import pytest

from streams.contract.events import EventType, Interaction, InvalidEvent, Reason
from streams.contract.partitioning import partition_of
from tables.user_plane import FoldKind, FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000
LIMITS = FoldLimits()


def event(number: int, *, user: str = "u1", item: str = "i1", at_ms: int = NOW_MS, **more: object) -> Interaction:
    kind = more.pop("kind", EventType.VIEW)
    return Interaction(f"e{number}", kind, user, item, at_ms, **more)  # type: ignore[arg-type]


def new_plane() -> UserPlane:
    return UserPlane(0, 1, {}, LIMITS)


def fold(plane: UserPlane, number: int, **fields: object) -> FoldKind:
    built = event(number, **fields)  # type: ignore[arg-type]
    return plane.fold(built, built.user_id.encode(), number, NOW_MS).kind


def test_a_folded_event_is_counted_and_enters_history() -> None:
    plane = new_plane()
    assert fold(plane, 1) is FoldKind.FOLDED
    user = plane.view("u1")
    assert user is not None
    assert list(user.history.entries) == ["i1"]
    assert plane.totals() == (1, 0)
    assert list(plane.users()) == ["u1"]


def test_the_same_event_id_at_a_new_offset_is_a_duplicate() -> None:
    plane = new_plane()
    fold(plane, 1)
    again = event(1)
    assert plane.fold(again, b"u1", 7, NOW_MS).kind is FoldKind.DUPLICATE
    user = plane.view("u1")
    assert user is not None
    assert (user.row.last_offset, user.row.folded, user.row.duplicates) == (7, 1, 1)


def test_an_offset_seen_before_is_a_redelivery_and_changes_nothing() -> None:
    plane = new_plane()
    fold(plane, 1)
    before = plane.changes()
    assert fold(plane, 1) is FoldKind.REDELIVERED
    assert [change for change in plane.changes() if change not in before] == []


@pytest.mark.parametrize("key", [None, b"", b"u2"])
def test_a_key_that_is_not_the_user_is_refused(key: bytes | None) -> None:
    plane = new_plane()
    with pytest.raises(InvalidEvent) as refused:
        plane.fold(event(1), key, 1, NOW_MS)
    assert refused.value.reason is Reason.WRONG_PARTITION
    assert len(plane) == 0


def test_a_user_of_another_partition_is_refused() -> None:
    mine = partition_of(b"u1", 4)
    UserPlane(mine, 4, {}, LIMITS).fold(event(1), b"u1", 1, NOW_MS)
    with pytest.raises(InvalidEvent) as refused:
        UserPlane((mine + 1) % 4, 4, {}, LIMITS).fold(event(1), b"u1", 1, NOW_MS)
    assert refused.value.reason is Reason.WRONG_PARTITION


def test_what_is_behind_the_retention_is_refused_and_counted_once() -> None:
    plane = new_plane()
    fold(plane, 1)
    old = event(2, user="u2", at_ms=NOW_MS - 91 * DAY_MS)
    with pytest.raises(InvalidEvent) as refused:
        plane.fold(old, b"u2", 2, NOW_MS)
    assert refused.value.reason is Reason.TOO_OLD
    assert plane.fold(old, b"u2", 2, NOW_MS).kind is FoldKind.REDELIVERED
    assert plane.too_old == 1
    assert plane.view("u2") is None


def test_late_is_what_is_behind_the_watermark() -> None:
    plane = new_plane()
    fold(plane, 1)
    lateness = LIMITS.allowed_lateness_ms
    on_time = plane.fold(event(2, user="u2", at_ms=NOW_MS - lateness), b"u2", 2, NOW_MS).signal
    folded = plane.fold(event(3, user="u3", at_ms=NOW_MS - lateness - 1), b"u3", 3, NOW_MS)
    late = folded.signal
    assert on_time is not None
    assert late is not None
    assert (on_time.late, late.late, folded.late, plane.late) == (False, True, True, 1)


def test_a_clock_that_runs_ahead_does_not_make_others_late() -> None:
    plane = new_plane()
    ahead = event(1, at_ms=NOW_MS + 4 * 60_000)
    plane.fold(ahead, b"u1", 1, NOW_MS)
    assert plane.watermark_ms == NOW_MS - LIMITS.allowed_lateness_ms


def test_searches_and_impressions_stay_out_of_history() -> None:
    plane = new_plane()
    for number, kind in enumerate([EventType.SEARCH, EventType.IMPRESSION]):
        assert plane.fold(event(number, kind=kind), b"u1", number, NOW_MS).signal is None
    user = plane.view("u1")
    assert user is not None
    assert (len(user.history), len(user.seen), user.row.folded) == (0, 0, 2)


def test_a_signal_carries_what_was_used_before_newest_first_and_nothing_that_was_skipped() -> None:
    plane = new_plane()
    fold(plane, 1, item="a")
    fold(plane, 2, item="b", kind=EventType.DISLIKE)
    fold(plane, 3, item="s", kind=EventType.SKIP)
    fold(plane, 4, item="c")
    signal = plane.fold(event(5, item="d", country="NL"), b"u1", 5, NOW_MS).signal
    assert signal is not None
    assert signal.learns
    assert signal.country == "NL"
    assert signal.context == ["c", "b", "a"]


def test_repeating_the_newest_item_counts_but_teaches_nothing() -> None:
    plane = new_plane()
    fold(plane, 1, item="a")
    signal = plane.fold(event(2, item="a"), b"u1", 2, NOW_MS).signal
    assert signal is not None
    assert (signal.learns, signal.context) == (False, [])


def test_progress_on_the_newest_item_says_nothing_to_the_item_plane() -> None:
    plane = new_plane()
    fold(plane, 1, item="a", kind=EventType.WATCH_START)
    progress = event(2, item="a", kind=EventType.WATCH_PROGRESS)
    assert plane.fold(progress, b"u1", 2, NOW_MS).signal is None


def test_a_late_progress_does_not_undo_a_finish() -> None:
    plane = new_plane()
    fold(plane, 1, kind=EventType.WATCH_END, at_ms=NOW_MS, completion_pct=100.0)
    fold(plane, 2, kind=EventType.WATCH_PROGRESS, at_ms=NOW_MS - 10_000, completion_pct=50.0)
    user = plane.view("u1")
    assert user is not None
    assert user.watching.newest_first() == []


def test_append_time_never_goes_back() -> None:
    plane = new_plane()
    plane.fold(event(1), b"u1", 1, NOW_MS)
    plane.fold(event(2), b"u1", 2, NOW_MS - 5)  # a new partition leader with another clock
    user = plane.view("u1")
    assert user is not None
    assert user.row.last_append_ms == NOW_MS


def test_where_the_user_was_last_seen_is_remembered_by_event_time() -> None:
    plane = new_plane()
    fold(plane, 1, country="NL", language="nl", device_type="tv")
    fold(plane, 2, country="DE", at_ms=NOW_MS - 1_000)
    fold(plane, 3, device_type="phone")
    user = plane.view("u1")
    assert user is not None
    assert (user.row.country, user.row.language, user.row.device_type) == ("NL", "nl", "phone")


def test_users_and_rows_include_those_not_written_yet() -> None:
    plane = new_plane()
    fold(plane, 1, user="u1")
    plane.changes()
    fold(plane, 2, user="u2")
    assert sorted(plane.users()) == ["u1", "u2"]
    assert {user: row.folded for user, row in plane.rows()} == {"u1": 1, "u2": 1}
    assert len(plane) == 2
