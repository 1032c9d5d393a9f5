"""Records of `freshet.audit`: which commands changed something, who gave them, and what became of them.

A command leaves two records under its own id: `begun`, before it does anything, and `ended`. One that has only the
first was killed, or Kafka was away when it ended. Nothing is compacted, and the broker says when (`LogAppendTime`).
"""

from __future__ import annotations

from typing import Final, Literal

import msgspec

from streams.contract.codec import dumps
from streams.contract.reasons import InvalidEvent, Reason

#: In the place of what nobody needs to read in this log.
MASK: Final = "********"
#: Longest sentence that is kept of a failure, in characters.
MAX_DETAIL: Final = 1_000

Result = Literal["done", "check_failed", "refused", "unreachable", "interrupted", "failed"]


class CommandBegun(msgspec.Struct, frozen=True, tag="begun", tag_field="event"):
    """`who` is what the setting says, else user@host; `kafka_user` is who signed in to Kafka, "" = nobody does.
    `arguments` are those of the command line that were in force, by name, as text."""

    command_id: str
    command: str
    arguments: dict[str, str]
    who: str
    kafka_user: str
    version: str
    release: str


class CommandEnded(msgspec.Struct, frozen=True, tag="ended", tag_field="event"):
    """`exit_code` as in `freshet --help`; `detail` is the sentence of a failure."""

    command_id: str
    result: Result
    exit_code: int
    detail: str = ""


AuditRecord = CommandBegun | CommandEnded


def encode(record: AuditRecord) -> tuple[bytes, bytes]:
    """Key and value."""
    return record.command_id.encode(), dumps(msgspec.to_builtins(record))


def decode(value: bytes | None) -> AuditRecord:
    """Raises `InvalidEvent` for what is none of ours."""
    try:
        record: AuditRecord = msgspec.json.decode(value or b"", type=AuditRecord)
    except (msgspec.DecodeError, UnicodeDecodeError) as error:
        raise InvalidEvent(Reason.NOT_JSON, f"no record of a command: {error}") from None
    return record
