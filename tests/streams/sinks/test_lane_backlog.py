"""A log that is read long after it was written becomes rows to its end."""

from aiokafka.structs import ConsumerRecord

from streams.contract.user_records import record_key
from streams.kafka.topics import Topics
from streams.sinks.attribution import AttributionLists
from streams.sinks.config import SinkConfig
from streams.sinks.lane import Lane

HOUR_MS = 3_600_000
BEGIN_MS = 1_760_000_000_000
EVENTS = 200


def record(offset: int, append_ms: int, key: bytes, value: bytes) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, append_ms, 0, key, value, None, 0, 0, ())


def events_written(lists: list[ConsumerRecord], lists_a_read: int) -> int:
    """How many of 200 events of ten hours leave a lane that is read as the runner reads it."""
    config = SinkConfig("unused", Topics("t", "v1"), block_records=100)
    lane = Lane(config, 0, 1, AttributionLists(config.attribution_window_ms, config.shown_bytes), True)
    waiting = [record(number, BEGIN_MS + number * HOUR_MS // 20, b"u", b"{}") for number in range(EVENTS)]
    lane.add_events(waiting, 0.0)
    for turn in range(2 * len(lists) + 10):
        if not (lane.lists.is_full or lane.leads):
            if read := lists[:lists_a_read]:
                lane.add_lists(read, turn)
                lists = lists[lists_a_read:]
            else:
                lane.served_is_at_end(BEGIN_MS + 100 * HOUR_MS)
        lane.next_block(turn, 5.0)
    return EVENTS - len(lane.events)


def lists_until(end_ms: int, count: int) -> list[ConsumerRecord]:
    """Lists at equal distances from the begin to a time."""
    return [
        record(number, BEGIN_MS + (end_ms - BEGIN_MS) * number // (count - 1), record_key("u", str(number)), b"{}")
        for number in range(count)
    ]


def test_a_block_that_spans_hours_is_written() -> None:
    assert events_written(lists_until(BEGIN_MS + 10 * HOUR_MS, 100), lists_a_read=1) == EVENTS


def test_lists_that_end_hours_before_the_events_hold_nothing_back() -> None:
    assert events_written(lists_until(BEGIN_MS + 2 * HOUR_MS, 20), lists_a_read=20) == EVENTS
