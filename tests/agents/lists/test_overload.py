"""From when until when a partition is overloaded."""

import pytest

from agents.lists.overload import EVENTS_PER_LIST, EVENTS_PER_LIST_AT_FIRST, QUIET_MS, Overload


def test_it_begins_late_and_ends_early_so_that_it_does_not_flap() -> None:
    overload = Overload(5_000)
    for number, (waited_ms, is_on) in enumerate([(4_900, False), (5_100, True), (2_600, True), (2_400, False)]):
        overload.folded(waited_ms, number)
        assert overload.is_on is is_on
    assert overload.began == 1


def test_a_first_load_is_looked_at_and_a_later_backlog_is_not() -> None:
    overload = Overload(5_000)
    overload.folded(60_000, 500)
    assert overload.is_on
    assert not overload.leaves_out
    overload.folded(1_000, 600)
    overload.folded(6_000, 700)
    assert overload.leaves_out


@pytest.mark.parametrize("later_ms", [QUIET_MS, -1])
def test_it_ends_when_nothing_waits_for_a_while_and_when_the_clock_is_set_back(later_ms: int) -> None:
    overload = Overload(5_000)
    overload.folded(6_000, 1)
    for now_ms, is_on in ((100_000, True), (100_000 + QUIET_MS - 1, True), (100_000 + later_ms, False)):
        overload.ticked(now_ms, waits=False)
        assert overload.is_on is is_on


def test_batches_that_take_long_do_not_end_it() -> None:
    """While one is worked on, others wait: between two of them half of the bound is enough to go on."""
    overload = Overload(5_000)
    for number, waited_ms in enumerate((6_000, 3_000, 3_000)):
        overload.folded(waited_ms, number)
        overload.ticked(100_000 + 3 * QUIET_MS * number, waits=number % 2 == 0)
        assert overload.is_on
    assert overload.began == 1


def test_without_a_bound_it_never_begins() -> None:
    overload = Overload(0)
    overload.folded(10**9, 1)
    assert not overload.is_on


@pytest.mark.parametrize(("caught_up", "price"), [(True, EVENTS_PER_LIST), (False, EVENTS_PER_LIST_AT_FIRST)])
def test_lists_are_as_many_as_the_batch_pays_for_and_never_none(caught_up: bool, price: int) -> None:
    """They are dearer until an owner has caught up once: only the last one of each user is worth anything then."""
    overload = Overload(5_000)
    if caught_up:
        overload.folded(0, 4_710)
    overload.folded(6_000, 4_711)
    assert overload.lists_a_batch == 1, "where it began says nothing"
    overload.folded(6_000, 4_711 + 7 * price)
    assert overload.lists_a_batch == 7
    overload.folded(6_000, 4_711 + 7 * price + 1)
    assert overload.lists_a_batch == 1
