"""Records of `freshet.controls`: which input partitions a version's workers leave alone. Key says what, null = no more.

pause:{version}:{topic}:{partition}   {"paused_at_ms": ...}
redrive                               {"started_at_ms": ..., "ends": {"0": 41, ...}},
                                      see ops.operator.dead_letters.redrive
"""

from typing import Final

from aiokafka.structs import TopicPartition

from streams.contract.header_numbers import whole_number
from streams.contract.reasons import InvalidEvent, Reason

REDRIVE_KEY: Final = b"redrive"
_PAUSE: Final = "pause"
_LARGEST: Final = 2**31 - 1  # what Kafka numbers partitions with


def pause_key(version: str, partition: TopicPartition) -> bytes:
    """The key under which a pause of an input partition is recorded; the topic's full name, no ":" in it.

    >>> pause_key("v1", TopicPartition("user.interactions", 3))
    b'pause:v1:user.interactions:3'
    """
    return f"{_PAUSE}:{version}:{partition.topic}:{partition.partition}".encode()


def paused_partition(version: str, key: bytes) -> TopicPartition | None:
    """The input partition of `version` that a key is about; None for any other key. Raises `InvalidEvent` for a pause
    of something that is no partition.

    >>> paused_partition("v1", b"pause:v1:user.interactions:3")
    TopicPartition(topic='user.interactions', partition=3)
    """
    parts = key.decode(errors="replace").split(":")
    if parts[:2] != [_PAUSE, version]:
        return None
    partition = whole_number(parts[3].encode(), _LARGEST) if len(parts) == 4 else None
    if partition is None:
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"a pause names TOPIC:PARTITION, not {':'.join(parts[2:])[:100]!r}")
    return TopicPartition(parts[2], partition)
