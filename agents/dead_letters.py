"""A record that cannot be used, as an outgoing record of its partition's transaction."""

from collections import Counter
from collections.abc import Callable
from dataclasses import dataclass, field

from aiokafka.structs import ConsumerRecord

from agents.delivery.outgoing import Outgoing
from streams.contract.codec import dumps
from streams.contract.dead_letters import MAX_DETAIL_CHARS, DeadLetter
from streams.contract.events import Reason
from streams.kafka.damaged_record import DamagedRecord

#: What begins the keys under which a version keeps its own failures, in its crash-mark topic.
FAILED = b"failed:"


def always(_append_ms: int) -> bool:
    """The answer of a system with one version."""
    return True


@dataclass(frozen=True, slots=True)
class DeadLetters:
    """Where one version's dead letters go. Versions read the same log, so one of them answers for a record: the one
    for which `answers_for(append time in ms)` is true. What ends the workers of another one is a fact about that
    version and is kept in its own `failures_topic`. `counted` are all of them by reason, whoever answers."""

    topic: str
    failures_topic: str = ""
    answers_for: Callable[[int], bool] = always
    counted: Counter[Reason] = field(default_factory=Counter)

    def records(self, dead_letter: DeadLetter) -> list[Outgoing]:
        """What a transaction writes of a dead letter: one record, or none."""
        self.counted[dead_letter.reason] += 1
        if self.answers_for(dead_letter.append_time_ms):
            return [dead_letter_record(dead_letter, self.topic)]
        if dead_letter.reason is Reason.FOLD_FAILED:
            # A lone surrogate, which a detail may quote, has no UTF-8 form.
            detail = dead_letter.detail[:MAX_DETAIL_CHARS].encode("utf-8", "backslashreplace").decode()
            value = dumps({"detail": detail, "append_time_ms": dead_letter.append_time_ms})
            return [Outgoing(self.failures_topic, dead_letter.partition, FAILED + dead_letter.name.encode(), value)]
        return []


def dead_letter_of(record: ConsumerRecord, reason: Reason, detail: str) -> DeadLetter:
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
        original_bytes=record.original_bytes if isinstance(record, DamagedRecord) else None,
    )


def dead_letter_record(dead_letter: DeadLetter, topic: str) -> Outgoing:
    """`dead_letter` for the dead-letter `topic`, in the partition of its source."""
    key, value, partition, headers = dead_letter.to_record()
    return Outgoing(topic, partition, key, value, headers)
