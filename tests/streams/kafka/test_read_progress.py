"""The lag by a worker's own position: markers are none, and what was read and not folded is."""

from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.read_progress import ReadProgress

TP = TopicPartition("events", 0)


def _record(offset: int) -> ConsumerRecord:
    return ConsumerRecord("events", 0, offset, 0, 0, None, None, None, 0, 0, ())


def test_markers_behind_the_last_record_are_no_lag() -> None:
    reading = ReadProgress()
    reading.note(TP, 10, [_record(7), _record(8)])
    assert reading.lag(TP, folded=9, end=10) == 0
    assert reading.lag(TP, folded=8, end=10) == 1


def test_an_empty_poll_moves_over_markers_and_loses_no_record_that_waits() -> None:
    reading = ReadProgress()
    reading.note(TP, 9, [_record(8)])
    reading.note(TP, 12, [])
    assert reading.lag(TP, folded=9, end=12) == 0
    assert reading.lag(TP, folded=5, end=12) == 4


def test_what_was_not_read_yet_is_lag() -> None:
    reading = ReadProgress()
    assert reading.lag(TP, folded=3, end=20) == 17
    reading.note(TP, 10, [_record(9)])
    assert reading.lag(TP, folded=10, end=20) == 10


def test_an_owner_who_comes_back_counts_from_what_others_folded_meanwhile() -> None:
    reading = ReadProgress()
    reading.note(TP, 10, [_record(9)])
    assert reading.lag(TP, folded=50, end=60) == 10
