"""From when until when a partition is overloaded."""

from agents.lists.overload import EVENTS_PER_LIST, QUIET_MS, Overload


def test_it_begins_late_and_ends_early_so_that_it_does_not_flap() -> None:
    overload = Overload(5_000)
    for number, (waited_ms, is_on) in enumerate([(4_900, False), (5_100, True), (2_600, True), (2_400, False)]):
        overload.folded(waited_ms, number, now_ms=number)
        assert overload.is_on(number) is is_on
    assert overload.began == 1


def test_a_first_load_is_looked_at_and_a_later_backlog_is_not() -> None:
    overload = Overload(5_000)
    overload.folded(60_000, 500, now_ms=1)
    assert overload.is_on(1)
    assert not overload.leaves_out
    overload.folded(1_000, 600, now_ms=2)
    overload.folded(6_000, 700, now_ms=3)
    assert overload.leaves_out


def test_it_ends_when_nothing_is_folded_and_when_the_clock_is_set_back() -> None:
    overload = Overload(5_000)
    overload.folded(6_000, 1, now_ms=100_000)
    assert overload.is_on(100_000 + QUIET_MS - 1)
    assert not overload.is_on(100_000 + QUIET_MS)
    assert not overload.is_on(99_999)


def test_without_a_bound_it_never_begins() -> None:
    overload = Overload(0)
    overload.folded(10**9, 1, now_ms=1)
    assert not overload.is_on(1)


def test_lists_are_as_many_as_the_batch_pays_for_and_never_none() -> None:
    overload = Overload(5_000)
    overload.folded(6_000, 4_711, now_ms=1)
    assert overload.lists_a_batch == 1, "where it began says nothing"
    overload.folded(6_000, 4_711 + 7 * EVENTS_PER_LIST, now_ms=1)
    assert overload.lists_a_batch == 7
    overload.folded(6_000, 4_711 + 7 * EVENTS_PER_LIST + 1, now_ms=1)
    assert overload.lists_a_batch == 1
