"""A record that cannot be used, as an outgoing record of its partition's transaction."""

from collections.abc import Callable
from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from agents.delivery.outgoing import Outgoing
from streams.codec import dumps
from streams.dead_letters import DeadLetter
from streams.events import Reason

#: What begins the keys under which a version keeps its own failures, in its crash-mark topic.
FAILED = b"failed:"


def always(_append_ms: int) -> bool:
    """The answer of a system with one version."""
    return True


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where one version's dead letters go. Versions read the same log, so one of them answers for a record: the one
    for which `answers_for(append time in ms)` is true. What ends the workers of another one is a fact about that
    version and is kept in its own `failures_topic`."""

    topic: str
    failures_topic: str = ""
    answers_for: Callable[[int], bool] = always

    def records(self, letter: DeadLetter) -> list[Outgoing]:
        """What a transaction writes of a letter: one record, or none."""
        if self.answers_for(letter.append_time_ms):
            return [letter_record(letter, self.topic)]
        if letter.reason is Reason.FOLD_FAILED:
            value = dumps({"detail": letter.detail, "append_time_ms": letter.append_time_ms})
            return [Outgoing(self.failures_topic, letter.partition, FAILED + letter.name.encode(), value)]
        return []


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
