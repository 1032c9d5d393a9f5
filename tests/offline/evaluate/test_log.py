"""What of a log is evaluated: each use of an item once, in the order of time."""

from made_up_log import START_MS, event
from msgspec import structs

from offline.evaluate.log import EvaluationLog
from streams.contract.events import EventType, Interaction


def did(user: str, item: str, after_ms: int, kind: EventType) -> Interaction:
    return structs.replace(event(user, item, START_MS + after_ms), event_type=kind)


def test_of_what_was_read_from_kafka_the_first_use_counts() -> None:
    read = [
        did("u", "late", 9, EventType.CLICK),
        did("u", "shown", 1, EventType.IMPRESSION),
        did("u", "skipped", 2, EventType.SKIP),
        did("u", "a", 4, EventType.WATCH_END),
        did("u", "a", 3, EventType.CLICK),
        did("u", "bad", 5, EventType.RATING),
        did("v", "a", 6, EventType.PURCHASE),
    ]
    log = EvaluationLog.of_interactions(read, {})
    assert [(kept.user_id, kept.item_id) for kept in log.events] == [
        ("u", "a"),
        ("u", "bad"),
        ("v", "a"),
        ("u", "late"),
    ]
    assert log.events[0].event_type is EventType.CLICK
    assert log.repeats == 1
    assert EvaluationLog.of_interactions(read, {}, limit=2).events == log.events[:2]
