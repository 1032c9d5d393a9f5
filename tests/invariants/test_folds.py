"""Batches, duplicates, redelivery and restarts leave no trace in the rows; lateness is decided once and alike."""

import random

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from invariant_logs import PARTITIONS, Folded, Log, as_logs, cuts_of, events, fold, item_integers, lateness, record

from tables import user_keys, user_row

seeds = st.integers(0, 2**32).map(random.Random)
quick = settings(deadline=None, max_examples=60, suppress_health_check=[HealthCheck.too_slow])


def singly(log: Log) -> list[Log]:
    return [[one] for one in log]


def folded_singly(logs: list[Log]) -> list[Folded]:
    return [fold(partition, singly(log)) for partition, log in enumerate(logs)]


def check_batching(logs: list[Log], pick: random.Random, most: int) -> None:
    for partition, log in enumerate(logs):
        one_by_one = fold(partition, singly(log))
        for restarts in (False, True):
            batched = fold(partition, cuts_of(pick, log, most), restarts=restarts)
            assert batched.rows == one_by_one.rows
            assert batched.dead_letters == one_by_one.dead_letters
            assert (batched.late, lateness(batched)) == (one_by_one.late, lateness(one_by_one))


@quick
@given(events(), seeds)
def test_any_batching_and_a_restart_after_any_batch_give_the_same_rows(made, pick) -> None:  # type: ignore[no-untyped-def]
    check_batching(as_logs(made), pick, most=9)


def test_any_batching_of_real_ratings_gives_the_same_rows(real_logs: list[Log]) -> None:
    check_batching(real_logs, random.Random(1), most=400)


@quick
@given(events(), seeds)
def test_redelivery_at_any_place_changes_nothing(made, pick) -> None:  # type: ignore[no-untyped-def]
    for partition, log in enumerate(as_logs(made)):
        again: list[Log] = []
        for batch in cuts_of(pick, log, 7):
            end = batch[-1].offset + 1
            again += [batch, log[pick.randrange(end) : end]]
        undisturbed, repeated = fold(partition, singly(log)), fold(partition, again)
        assert repeated.rows == undisturbed.rows
        assert lateness(repeated) == lateness(undisturbed)
        assert sorted(set(repeated.dead_letters)) == sorted(undisturbed.dead_letters)


@quick
@given(events(), seeds)
def test_events_sent_again_change_only_counters(made, pick) -> None:  # type: ignore[no-untyped-def]
    sent, positions = [], []
    for event in made:
        sent.append(event)
        positions.append(len(sent) - 1)
        while pick.random() < 0.3:
            sent.append((event[0], *pick.choice(sent)[1:]))  # some time later, at the end of the log
    once, twice = folded_singly(as_logs(made)), folded_singly(as_logs(sent))
    for before, after in zip(once, twice, strict=True):
        assert without_counters(after.rows) == without_counters(before.rows)
        assert len(lateness(after)) == len(lateness(before))


def without_counters(rows: dict[bytes, bytes]) -> dict[str, object]:
    """What users' rows say about their users."""
    found = {}
    for key, value in rows.items():
        if key[:1] == user_keys.USER:
            row = user_row.CODEC.decode(value)
            found[key[1:].decode()] = (row.folded, row.history, row.watching, row.behaviour, row.country, row.language)
    return found


def check_replay(logs: list[Log], pick: random.Random, most: int) -> None:
    live = [fold(partition, cuts_of(pick, log, most)) for partition, log in enumerate(logs)]
    replay = [fold(partition, cuts_of(pick, log, 500)) for partition, log in enumerate(logs)]
    assert [one.rows for one in live] == [one.rows for one in replay]
    for target in range(PARTITIONS):
        mixed = interleaved(pick, [one.deltas.get(target, []) for one in live])
        in_turn = [value for one in replay for value in one.deltas.get(target, [])]
        found = item_integers(target, mixed, publish_every=3)
        assert found == item_integers(target, in_turn)


def interleaved(pick: random.Random, sources: list[list[bytes]]) -> list[bytes]:
    """The records of all sources in some order of arrival; each source's own order stays."""
    left = [list(reversed(source)) for source in sources]
    mixed = []
    while any(left):
        mixed.append(pick.choice([source for source in left if source]).pop())
    return mixed


@quick
@given(events(), seeds)
def test_replay_is_live_byte_for_byte(made, pick) -> None:  # type: ignore[no-untyped-def]
    check_replay(as_logs(made), pick, most=6)


def test_replay_of_real_ratings_is_live_byte_for_byte(real_logs: list[Log]) -> None:
    check_replay(real_logs, random.Random(2), most=60)


@pytest.mark.parametrize("clock_ahead_ms", [0, 240_000])
def test_lateness_follows_the_slower_of_event_and_append_time(clock_ahead_ms: int) -> None:
    start_ms = 1_750_000_000_000

    def view(offset: int, user: str, at_ms: int) -> Log:
        value = f'{{"event_type":"view","user_id":"{user}","item_id":"i{offset}","timestamp":{at_ms}}}'
        return [record(0, offset, start_ms, user.encode(), value.encode())]

    users = [user for user in (f"u{n}" for n in range(30)) if as_logs([(0, user.encode(), b"")])[0]]
    ahead = view(0, users[0], start_ms + clock_ahead_ms)
    border_ms = start_ms - 300_000
    found = fold(0, [ahead, view(1, users[1], border_ms), view(2, users[2], border_ms - 1)])
    assert lateness(found) == [(0, False), (1, False), (2, True)]
    assert found.late == 1
