"""Reads the log of commands back: each command once, with what became of it."""

from dataclasses import dataclass
from typing import Any

from aiokafka.structs import ConsumerRecord

from agents.followers.refusals import read_usable
from streams.contract.audit import CommandBegun, CommandEnded, decode
from streams.kafka.topics import Topics


@dataclass(slots=True)
class AuditedRun:
    """A command that was given at `begun_ms`, of the broker's clock. Without an `ended` it runs still, was killed, or
    Kafka was away at its end."""

    begun_ms: int
    begun: CommandBegun
    ended_ms: int | None = None
    ended: CommandEnded | None = None

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "command_id": self.begun.command_id,
            "begun_ms": self.begun_ms,
            "ended_ms": self.ended_ms,
            "command": self.begun.command,
            "arguments": {name: value for name, value in self.begun.arguments.items() if value},
            "who": self.begun.who,
            "kafka_user": self.begun.kafka_user,
            "version": self.begun.version,
            "release": self.begun.release,
            "result": None if self.ended is None else self.ended.result,
            "exit_code": None if self.ended is None else self.ended.exit_code,
            "detail": None if self.ended is None else self.ended.detail,
        }


class AuditBook:
    """What the records say, in their order."""

    def __init__(self) -> None:
        self.by_id: dict[str, AuditedRun] = {}

    def apply(self, value: bytes | None, appended_ms: int) -> None:
        """One record. Raises `InvalidEvent`. The first record of each kind counts: later ones under the same id would
        tell another story."""
        record = decode(value)
        if isinstance(record, CommandBegun):
            self.by_id.setdefault(record.command_id, AuditedRun(appended_ms, record))
        elif (run := self.by_id.get(record.command_id)) is not None and run.ended is None:
            run.ended_ms, run.ended = appended_ms, record


async def read_audit(bootstrap: str, topics: Topics) -> list[AuditedRun]:
    """All commands that are kept, the oldest first; records that are none are passed over, and said. Raises
    `TopicMissing`."""
    book = AuditBook()

    def apply(record: ConsumerRecord) -> None:
        book.apply(record.value, record.timestamp)

    await read_usable(bootstrap, [topics.audit], apply)
    return list(book.by_id.values())
