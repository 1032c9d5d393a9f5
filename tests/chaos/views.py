"""Plain events at a chosen time."""

import secrets
import time
from collections.abc import Iterator
from itertools import count

import orjson

from streams.contract.partitioning import partition_of
from streams.kafka.producer import OutgoingRecord


def view(topic: str, user: str, ahead_ms: int = 0) -> OutgoingRecord:
    """One view of an item, by a clock that is `ahead_ms` ahead (behind when negative)."""
    event = {
        "event_id": secrets.token_hex(8),
        "event_type": "view",
        "user_id": user,
        "item_id": "i1",
        "timestamp": time.time_ns() // 1_000_000 + ahead_ms,
    }
    return OutgoingRecord(topic, user.encode(), orjson.dumps(event))


def first_views(topic: str, partitions: int) -> Iterator[OutgoingRecord]:
    """One for each partition: nothing is too old before a partition's first event said what time it is."""
    for partition in range(partitions):
        users = (f"first-{number}" for number in count())
        yield view(topic, next(user for user in users if partition_of(user.encode(), partitions) == partition))
