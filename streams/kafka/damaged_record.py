"""Records that cannot be read as they were sent, or that must not be looked at."""

from dataclasses import dataclass

from aiokafka.structs import ConsumerRecord

from streams.contract.dead_letters import ORIGINAL_TIME_HEADER, REDRIVEN_HEADER, dead_letter_name, original_time_ms
from streams.contract.reasons import InvalidEvent, Reason


@dataclass
class DamagedRecord(ConsumerRecord):  # type: ignore[misc]  # untyped there
    """A record that cannot be read as it was sent, and why. `is_whole` = only headers are missing; else key and value
    are what could be read, and `original_bytes` is the length of a value that was cut."""

    reason: Reason = Reason.DAMAGED
    detail: str = ""
    is_whole: bool = False
    original_bytes: int | None = None


def refusal_of(record: ConsumerRecord) -> InvalidEvent | None:
    """Why a record from outside must not be looked at, whatever its value says; None = it may be.

    Headers that we write decide whether a record is from before an erasure: one that says what we never write is no
    record to guess about.
    """
    if isinstance(record, DamagedRecord):
        return InvalidEvent(record.reason, record.detail)
    for name, value in record.headers:
        if name == ORIGINAL_TIME_HEADER and original_time_ms([(name, value)]) is None:
            return InvalidEvent(Reason.BAD_HEADER, f"{name} is no time in milliseconds")
        if name == REDRIVEN_HEADER and dead_letter_name(value) is None:
            return InvalidEvent(Reason.BAD_HEADER, f"{name} is not where a record is")
    return None
