"""Laws of the user plane: batching, crashes, redelivery and the cache leave no trace in the rows; bounds hold."""

from dataclasses import dataclass, replace

from hypothesis import given, settings
from hypothesis import strategies as st

from streams.contract.events import EventType, Interaction, InvalidEvent
from tables import continue_watching, partition_row, user_keys, user_row
from tables.cleaning import CleaningLimits
from tables.user_plane import FoldKind, FoldLimits, UserPlane

START_MS = 1_700_000_000_000
DAY_MS = 86_400_000
CLEANING = CleaningLimits(bot_events_per_minute=3, training_events_per_day=4)
LIMITS = FoldLimits(retention_ms=10 * DAY_MS, history=4, cached_users=2, cleaning=CLEANING)
ROOMY = replace(LIMITS, cached_users=1_000)

Store = dict[bytes, bytes]


@dataclass(frozen=True)
class Sent:
    """One record of the log."""

    event: Interaction
    key: bytes
    offset: int
    append_ms: int


@st.composite
def logs(draw: st.DrawFn) -> list[Sent]:
    """Events of four users over some weeks: out of order, late, too old, repeated ids, foreign keys."""
    sent = []
    append_ms = START_MS
    for offset in range(draw(st.integers(0, 25))):
        append_ms += draw(st.sampled_from([0, 1_000, 3_600_000, 3 * DAY_MS]))
        behind_ms = draw(st.sampled_from([-60_000, 0, 5_000, 600_000, 2 * DAY_MS, 9 * DAY_MS, 20 * DAY_MS]))
        user = draw(st.sampled_from("abcd"))
        event = Interaction(
            event_id=f"e{draw(st.integers(0, 20))}",
            event_type=draw(st.sampled_from(EventType)),
            user_id=user,
            item_id=draw(st.sampled_from([f"i{number}" for number in range(7)])),
            timestamp_ms=append_ms - behind_ms,
            completion_pct=draw(st.sampled_from([None, 10.0, 92.0, 97.0])),
            rating=draw(st.sampled_from([1.0, 3.0, 5.0])),
            country=draw(st.sampled_from([None, "NL", "DE"])),
            session_id=draw(st.sampled_from([None, None, "s1", "s2"])),
            device_type=draw(st.sampled_from([None, "tv", "phone"])),
            watch_duration_s=draw(st.sampled_from([None, 0.1, 1234.5])),
        )
        key = draw(st.sampled_from([user.encode()] * 9 + [b"someone else"]))
        sent.append(Sent(event, key, offset, append_ms))
    return sent


def fold(plane: UserPlane, record: Sent) -> str:
    try:
        return plane.fold(record.event, record.key, record.offset, record.append_ms).kind.value
    except InvalidEvent as error:
        return str(error.reason)


def undisturbed(log: list[Sent]) -> tuple[Store, list[str]]:
    store: Store = {}
    plane = UserPlane(0, 1, store, ROOMY)
    outcomes = [fold(plane, record) for record in log]
    plane.changes()
    return store, outcomes


@settings(deadline=None, max_examples=60)
@given(logs(), st.lists(st.booleans(), min_size=25, max_size=25))
def test_any_batching_and_a_tiny_cache_give_the_same_rows(log: list[Sent], commit_after: list[bool]) -> None:
    expected, outcomes = undisturbed(log)
    store: Store = {}
    changelog: Store = {}
    plane = UserPlane(0, 1, store, LIMITS)
    for record, commit in zip(log, commit_after, strict=False):
        assert fold(plane, record) == outcomes[record.offset]
        if commit:
            replay(changelog, plane)
    replay(changelog, plane)
    assert store == expected
    assert changelog == expected


@settings(deadline=None, max_examples=60)
@given(logs(), st.data())
def test_a_crash_and_redelivery_from_any_committed_point_give_the_same_rows(
    log: list[Sent], data: st.DataObject
) -> None:
    expected, _ = undisturbed(log)
    changelog: Store = {}
    position = 0
    while position < len(log):
        # Rows and offset commit together, but an older committed offset may be read again by a broken broker.
        start = data.draw(st.integers(0, position), label="redelivered from")
        plane = UserPlane(0, 1, dict(changelog), LIMITS)
        commit = data.draw(st.integers(position + 1, len(log)), label="committed")
        crash = data.draw(st.integers(commit, len(log)), label="crash")
        for record in log[start:commit]:
            fold(plane, record)
        replay(changelog, plane)
        for record in log[commit:crash]:
            fold(plane, record)  # never committed: lost with the process
        position = commit
    assert changelog == expected


@settings(deadline=None, max_examples=60)
@given(logs())
def test_sending_everything_twice_changes_only_counters(log: list[Sent]) -> None:
    """Producer retries: the same event ids again at new offsets. An id never names two events of a user."""
    log = list({(r.event.user_id, r.event.event_id): r for r in reversed(log)}.values())[::-1]
    log = [replace(r, offset=offset) for offset, r in enumerate(log)]
    once, _ = undisturbed(log)
    again = [Sent(r.event, r.key, r.offset + len(log), log[-1].append_ms) for r in log]
    twice, _ = undisturbed(log + again)
    assert once.keys() == twice.keys()
    for key, value in once.items():
        if key[:1] == user_keys.USER:
            first, second = user_row.CODEC.decode(value), user_row.CODEC.decode(twice[key])
            second.last_offset, second.last_append_ms = first.last_offset, first.last_append_ms
            second.duplicates = first.duplicates
            assert first == second
        elif key == user_keys.PARTITION:
            assert partition_row.CODEC.decode(value).highest_ms == partition_row.CODEC.decode(twice[key]).highest_ms
        else:
            assert value == twice[key]


@settings(deadline=None, max_examples=60)
@given(logs())
def test_every_event_is_counted_exactly_once(log: list[Sent]) -> None:
    store, outcomes = undisturbed(log)
    plane = UserPlane(0, 1, store, LIMITS)
    assert plane.totals() == (outcomes.count("folded"), outcomes.count("duplicate"))
    assert plane.too_old == outcomes.count("too_old")
    rejected = outcomes.count("too_old") + outcomes.count("wrong_partition")
    assert sum(plane.totals()) + rejected == len(log)


@settings(deadline=None, max_examples=60)
@given(logs())
def test_bounds_and_order_hold(log: list[Sent]) -> None:
    store, _ = undisturbed(log)
    plane = UserPlane(0, 1, store, LIMITS)
    for user_id in plane.users():
        user = plane.view(user_id)
        if user is None:
            assert plane.idle_since(user_id) is not None
            continue
        times = [at for at, _ in user.history.entries.values()]
        assert times == sorted(times)
        assert len(times) <= LIMITS.history
        assert set(user.history.entries) <= set(user.seen.hours)
        assert len(user.watching) <= continue_watching.MAX_ENTRIES
        updates = [entry.updated_at_ms for entry in user.watching.newest_first()]
        assert updates == sorted(updates, reverse=True)


def replay(changelog: Store, plane: UserPlane) -> None:
    for key, value in plane.changes():
        if value is None:
            changelog.pop(key, None)
        else:
            changelog[key] = value


@given(logs())
@settings(max_examples=150, deadline=None)
def test_history_and_continue_watching_hold_nothing_from_before_the_retention(log: list[Sent]) -> None:
    plane = UserPlane(0, 1, {}, ROOMY)
    for record in log:
        watermark_ms = plane.watermark_ms
        if fold(plane, record) != FoldKind.FOLDED.value:
            continue
        user = plane.view(record.event.user_id)
        if user is not None:
            horizon_ms = watermark_ms - LIMITS.retention_ms
            assert all(at_ms >= horizon_ms for at_ms, _ in user.history.entries.values())
            assert all(entry.updated_at_ms >= horizon_ms for entry in user.watching.newest_first())
