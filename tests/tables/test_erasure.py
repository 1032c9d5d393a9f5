"""Erasing a user: nothing of them is left or folded again, nobody else notices, and every event stays counted."""

from collections.abc import Mapping, Sequence

from hypothesis import given
from hypothesis import strategies as st

from streams.contract.events import EventType, Interaction, InvalidEvent
from tables import partition_row, user_keys
from tables.partition_row import PartitionRow
from tables.user_plane import FoldKind, FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
MINUTE_MS = 60_000
ERASED = "u0"

#: (user, event id, minutes); a repeated id repeats its time, as a producer's retry does
LOGS = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 30)).map(lambda event: (*event, event[1] * 7 % 61 - 30)),
    min_size=1,
    max_size=200,
)

#: The same over a year: some events are too old when they come.
LOGS_OF_A_YEAR = st.lists(
    st.tuples(st.integers(0, 2), st.integers(0, 300)).map(lambda event: (*event, -(event[1] * 97 % 365) * 1440)),
    min_size=1,
    max_size=60,
)


def plane_over(store: dict[bytes, bytes], erased: Mapping[str, int]) -> UserPlane:
    return UserPlane(0, 1, store, FoldLimits(cached_users=1), erased)


def fold(plane: UserPlane, log: Sequence[tuple[int, int, int]], first: int = 0) -> list[FoldKind]:
    kinds = []
    for offset, (user, number, minutes) in enumerate(log, first):
        event = Interaction(
            f"e{number}", EventType.VIEW, f"u{user}", f"i{number}", NOW_MS + minutes * MINUTE_MS, country="FR"
        )
        kinds.append(plane.fold(event, event.user_id.encode(), offset, NOW_MS).kind)
    return kinds


def account(plane: UserPlane, dead_letters: set[int]) -> int:
    """Events that rows, erasures or dead letters account for."""
    return sum(plane.totals()) + plane.erased + len(dead_letters)


def fold_all(plane: UserPlane, log: Sequence[tuple[int, int, int]], first: int = 0) -> set[int]:
    """Offsets of what was refused; each event stands for itself."""
    dead_letters = set()
    for offset, (user, number, minutes) in enumerate(log, first):
        try:
            fold(plane, [(user, number, minutes)], offset)
        except InvalidEvent:
            dead_letters.add(offset)
    return dead_letters


@given(log=LOGS_OF_A_YEAR, data=st.data())
def test_dead_letters_of_the_erased_are_counted_once_by_a_replay_too(
    log: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    end = data.draw(st.integers(0, len(log)))
    erased: dict[str, int] = {}
    live = plane_over({}, erased)
    dead_letters = fold_all(live, log[:end])
    erased[ERASED] = end
    live.forget(ERASED)
    dead_letters |= fold_all(live, log[end:], end)
    replayed = plane_over({}, {ERASED: end})
    assert fold_all(replayed, log) == dead_letters  # those of the live version: a replay writes none
    assert account(live, dead_letters) == account(replayed, dead_letters) == len(log)


def partition(store: Mapping[bytes, bytes]) -> PartitionRow:
    return partition_row.CODEC.decode(store[user_keys.PARTITION])


@given(log=LOGS, data=st.data())
def test_erased_live_or_before_a_replay_is_the_same(log: list[tuple[int, int, int]], data: st.DataObject) -> None:
    end = data.draw(st.integers(0, len(log)))
    live_store: dict[bytes, bytes] = {}
    erased: dict[str, int] = {}
    live = plane_over(live_store, erased)
    fold(live, log[:end])
    if data.draw(st.booleans()):  # rows written before, or still in memory only
        live.changes()
    erased[ERASED] = end
    live.forget(ERASED)
    fold(live, log[end:], end)
    live.changes()

    replayed_store: dict[bytes, bytes] = {}
    replayed = plane_over(replayed_store, {ERASED: end})
    fold(replayed, log)
    replayed.changes()

    def users(store: dict[bytes, bytes]) -> dict[bytes, bytes]:
        return {key: value for key, value in store.items() if key != user_keys.PARTITION}

    assert users(live_store) == users(replayed_store)
    assert partition(live_store).highest_ms == partition(replayed_store).highest_ms
    for plane in (live, replayed):
        assert plane.erased == sum(user == 0 for user, _, _ in log[:end])
        assert sum(plane.totals()) + plane.erased == len(log)


def test_the_changelog_loses_every_row_of_a_user() -> None:
    store: dict[bytes, bytes] = {}
    plane = plane_over(store, {})
    fold(plane, [(0, number, 0) for number in range(200)])  # several segments
    rows = dict(plane.changes())
    fold(plane, [(0, 500, 0)], 200)
    plane.forget(ERASED)
    for key, value in plane.changes():
        if value is None:
            rows.pop(key, None)
        else:
            rows[key] = value
    assert set(rows) == set(store) == {user_keys.PARTITION}
    assert len(plane) == 0
    assert list(plane.users()) == []


def test_an_event_of_an_erased_user_is_counted_once_though_delivered_twice() -> None:
    plane = plane_over({}, {ERASED: 1})
    assert fold(plane, [(0, 1, 0)]) == fold(plane, [(0, 1, 0)]) == [FoldKind.ERASED]
    assert (plane.erased, plane.totals()) == (1, (0, 0))


def test_a_user_who_comes_back_is_new() -> None:
    plane = plane_over({}, {ERASED: 2})
    assert fold(plane, [(0, 1, 0), (0, 2, 0), (0, 1, 0)]) == [FoldKind.ERASED, FoldKind.ERASED, FoldKind.FOLDED]
    user = plane.view(ERASED)
    assert user is not None
    assert user.row.folded == 1


def test_a_walk_over_rows_survives_a_user_being_forgotten() -> None:
    plane = plane_over({}, {})
    fold(plane, [(0, 1, 0), (1, 2, 0), (2, 3, 0)])
    plane.changes()
    walk = plane.rows()
    next(walk)
    for user in ("u0", "u1", "u2"):
        plane.forget(user)
    assert list(walk) == []


def test_applied_erasures_are_part_of_the_rows() -> None:
    store: dict[bytes, bytes] = {}
    plane = plane_over(store, {})
    plane.note_erasures(7)
    plane.changes()
    assert plane_over(dict(store), {}).erasures_applied == 7
