"""Dead letters: what could not be used, with the reason, where it came from, and its original bytes.

A dead letter is a record of `user.interactions.dlq` in the same partition number as its source, so that the owner of
an input partition writes its dead letters inside its own transaction. Key and value are the original bytes; headers
(UTF-8 text) say the rest. Nobody has to parse the value to count, group or re-publish dead letters.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.reasons import Reason

#: Longer originals are cut, so that no record can be too large for the dead-letter topic and stop its partition:
#: compression lets a producer put values of any size into the source topic.
MAX_VALUE_BYTES: Final = 1024 * 1024
MAX_KEY_BYTES: Final = 256 * 1024
_MAX_DETAIL_CHARS: Final = 500

_PREFIX: Final = "freshet."


class DeadLetterRecord(NamedTuple):
    """The arguments of a producer's send, topic excluded."""

    key: bytes | None
    value: bytes | None
    partition: int
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class DeadLetter:
    """One unusable record.

    `detail` is for people. `topic`, `partition` and `offset` are the source's coordinates: dead letters with the same
    coordinates are redeliveries of one. `append_time_ms` is the source record's timestamp. `original_bytes` is the
    length of the source's value when `value` holds only its beginning, else None.
    """

    key: bytes | None
    value: bytes | None
    reason: Reason
    detail: str
    topic: str
    partition: int
    offset: int
    append_time_ms: int
    original_bytes: int | None = None

    @property
    def coordinates(self) -> tuple[str, int, int]:
        """Source topic, partition and offset: what to count by."""
        return self.topic, self.partition, self.offset

    def to_record(self) -> DeadLetterRecord:
        """The record to send to the dead-letter topic.

        >>> letter = DeadLetter(b"u", b"{", Reason.NOT_JSON, "truncated", "user.interactions", 2, 41, 1_700_000_000_000)
        >>> record = letter.to_record()
        >>> record.partition, dict(record.headers)["freshet.reason"]
        (2, b'not_json')
        >>> DeadLetter.from_record(record.key, record.value, record.headers) == letter
        True
        """
        fields: dict[str, object] = {
            "reason": self.reason.value,
            "detail": self.detail[:_MAX_DETAIL_CHARS],
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "append_time_ms": self.append_time_ms,
        }
        value = self.value
        if value is not None and len(value) > MAX_VALUE_BYTES:
            fields["original_bytes"] = len(value)
            value = value[:MAX_VALUE_BYTES]
        elif self.original_bytes is not None:
            fields["original_bytes"] = self.original_bytes
        # A lone surrogate, which a detail may quote, has no UTF-8 form.
        headers = [(_PREFIX + name, str(text).encode("utf-8", "backslashreplace")) for name, text in fields.items()]
        key = self.key if self.key is None else self.key[:MAX_KEY_BYTES]
        return DeadLetterRecord(key, value, self.partition, headers)

    @classmethod
    def from_record(cls, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes]]) -> "DeadLetter":
        """The dead letter in a record. Raises `ValueError` when a header is missing or malformed."""
        texts = {name.removeprefix(_PREFIX): text.decode() for name, text in headers if name.startswith(_PREFIX)}
        try:
            return cls(
                key=key,
                value=value,
                reason=Reason(texts["reason"]),
                detail=texts["detail"],
                topic=texts["topic"],
                partition=int(texts["partition"]),
                offset=int(texts["offset"]),
                append_time_ms=int(texts["append_time_ms"]),
                original_bytes=int(texts["original_bytes"]) if "original_bytes" in texts else None,
            )
        except KeyError as missing:
            raise ValueError(f"not a dead letter: header {_PREFIX}{missing.args[0]} is missing") from None
