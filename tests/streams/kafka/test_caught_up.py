"""When a reader is caught up with a log that goes on growing."""

from aiokafka.structs import TopicPartition

from streams.kafka.caught_up import CAUGHT_UP_MS, LogEnds

TP, OTHER = TopicPartition("t", 0), TopicPartition("t", 1)
BOUND_S = CAUGHT_UP_MS / 1000


def caught_up(ends: LogEnds, position: int, end: int, now_s: float) -> bool:
    ends.note({TP: end}, now_s)
    return ends.caught_up({TP: position}, (), now_s) == {TP}


def test_a_young_log_of_which_nothing_was_read_is_not_taken_for_its_head() -> None:
    ends = LogEnds()
    assert not caught_up(ends, 0, 500, 100)
    assert not caught_up(ends, 0, 900, 100 + BOUND_S)  # what waited then waits still
    assert not caught_up(ends, 400, 900, 101 + BOUND_S)
    assert not caught_up(ends, 800, 999, 102 + BOUND_S)
    assert caught_up(ends, 910, 999, 102.5 + BOUND_S)  # others wait now


def test_what_was_there_too_long_ago_is_no_measure() -> None:
    ends = LogEnds()
    assert not caught_up(ends, 0, 100, 0)
    assert not caught_up(ends, 100, 900, BOUND_S + 1)
    assert caught_up(ends, 900, 900, BOUND_S + 2)


def test_a_log_that_ends_in_markers_is_read_to_its_end() -> None:
    ends = LogEnds()
    ends.note({TP: 10, OTHER: 10}, 0)
    assert ends.caught_up({TP: 8, OTHER: 8}, {TP}, 0) == {TP}


def test_a_look_that_took_long_says_nothing() -> None:
    ends = LogEnds()
    ends.note({TP: 10}, 0)
    assert ends.caught_up({TP: 10}, {TP}, BOUND_S + 1) == set()
    assert LogEnds().caught_up({TP: 10}, {TP}, 0) == set()
