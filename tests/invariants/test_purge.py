"""When idle users' rows are dropped leaves no trace: not in the rows of others, not in what the item plane is told, not
in dead letters, not in the sums. A row that is still there although its user is idle is the only difference allowed,
and `purged` takes it away: two states are equal when they are after that, byte for byte.
"""

import random

from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariant_logs import DAY_MS, GAPS_MS, LIMITS, PARTITIONS, Folded, Log, as_logs, cuts_of, events, fold, lateness

from tables.user_plane import UserPlane

seeds = st.integers(0, 2**32).map(random.Random)
sparse = events((*GAPS_MS, 40 * DAY_MS, 100 * DAY_MS))  # the retention is 90 days
thorough = settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.too_slow])


def purge_all(plane: UserPlane) -> None:
    for user_id in list(plane.users()):
        plane.purge(user_id)


def purged(partition: int, rows: dict[bytes, bytes]) -> dict[bytes, bytes]:
    """The rows without those of idle users."""
    left = dict(rows)
    plane = UserPlane(partition, PARTITIONS, left, LIMITS)
    purge_all(plane)
    plane.changes()
    return left


def totals(partition: int, rows: dict[bytes, bytes]) -> tuple[int, int]:
    return UserPlane(partition, PARTITIONS, dict(rows), LIMITS).totals()


def check(partition: int, found: Folded, never: Folded) -> None:
    assert purged(partition, found.rows) == purged(partition, never.rows)
    assert totals(partition, found.rows) == totals(partition, never.rows)
    assert (found.dead_letters, lateness(found)) == (never.dead_letters, lateness(never))
    assert entries_of(found) == entries_of(never)


def entries_of(folded: Folded) -> dict[int, bytes]:
    return {target: b"".join(values) for target, values in folded.deltas.items()}


def undisturbed(partition: int, log: Log) -> Folded:
    """Batch after batch of one record, and nothing is ever dropped but by the folds themselves."""
    return fold(partition, [[one] for one in log])


@thorough
@given(sparse, seeds)
def test_any_time_of_purging_gives_the_same_rows_signals_and_sums(made, pick) -> None:  # type: ignore[no-untyped-def]
    def some(plane: UserPlane) -> None:
        for user_id in list(plane.users()):
            if pick.random() < 0.5:
                plane.purge(user_id)

    for partition, log in enumerate(as_logs(made)):
        for restarts in (False, True):
            found = fold(partition, [[one] for one in log], restarts=restarts, purge=some)
            check(partition, found, undisturbed(partition, log))


@thorough
@given(sparse, seeds)
def test_live_is_replay_though_their_batches_and_purges_differ(made, pick) -> None:  # type: ignore[no-untyped-def]
    for partition, log in enumerate(as_logs(made)):
        live = fold(partition, cuts_of(pick, log, 5), purge=purge_all)
        replay = fold(partition, cuts_of(pick, log, 50))
        assert live.rows == purged(partition, replay.rows)
        assert totals(partition, live.rows) == totals(partition, replay.rows)
        assert live.dead_letters == replay.dead_letters


@thorough
@given(sparse, seeds)
def test_what_is_delivered_again_after_a_purge_changes_nothing(made, pick) -> None:  # type: ignore[no-untyped-def]
    for partition, log in enumerate(as_logs(made)):
        again: list[Log] = []
        for batch in cuts_of(pick, log, 7):
            end = batch[-1].offset + 1
            again += [batch, log[pick.randrange(end) : end]]
        undisturbed_rows = undisturbed(partition, log)
        repeated = fold(partition, again, purge=purge_all)
        assert purged(partition, repeated.rows) == purged(partition, undisturbed_rows.rows)
        assert totals(partition, repeated.rows) == totals(partition, undisturbed_rows.rows)
        assert sorted(set(repeated.dead_letters)) == sorted(undisturbed_rows.dead_letters)
