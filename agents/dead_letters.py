"""A record that cannot be used, as an outgoing record of its partition's transaction."""

from aiokafka.structs import ConsumerRecord

from agents.delivery.outgoing import Outgoing
from streams.dead_letters import DeadLetter
from streams.events import Reason


def letter_of(record: ConsumerRecord, reason: Reason, detail: str) -> DeadLetter:
    """The dead letter of `record`."""
    return DeadLetter(
        key=record.key,
        value=record.value,
        reason=reason,
        detail=detail,
        topic=record.topic,
        partition=record.partition,
        offset=record.offset,
        append_time_ms=record.timestamp,
    )


def letter_record(letter: DeadLetter, topic: str) -> Outgoing:
    """`letter` for the dead-letter `topic`, in the partition of its source."""
    key, value, partition, headers = letter.to_record()
    return Outgoing(topic, partition, key, value, headers)


def dead_letter(record: ConsumerRecord, reason: Reason, detail: str, topic: str) -> Outgoing:
    """The dead letter of `record` for the dead-letter `topic`."""
    return letter_record(letter_of(record, reason, detail), topic)
