"""Dead letters: what could not be used, with the reason, where it came from, and its original bytes.

A dead letter is a record of `user.interactions.dlq` in the same partition number as its source, so that the owner of
an input partition writes its dead letters inside its own transaction. The value is the original bytes; headers say the
rest (`freshet.key` the original key's bytes, all others UTF-8 text). Nobody has to parse the value to count, group or
re-publish dead letters.

The record key is the source's coordinates, `topic:partition:offset`. So the topic is a table: the last record of a key
is the dead letter as it is now. Re-publishing marks a dead letter by writing it again, erasing a user blanks their dead
letters the same way, and compaction removes the former bytes.
"""

import re
from collections.abc import Iterable
from dataclasses import dataclass, replace
from typing import Final, NamedTuple

from streams.contract.header_numbers import whole_number
from streams.contract.reasons import Reason

#: Longer originals are cut, so that no record can be too large for the dead-letter topic and stop its partition:
#: compression lets a producer put values of any size into the source topic.
MAX_VALUE_BYTES: Final = 1024 * 1024
MAX_KEY_BYTES: Final = 256 * 1024
MAX_DETAIL_CHARS: Final = 500

_PREFIX: Final = "freshet."
#: On a record of interactions that is the original of a dead letter, published again: the dead letter's name, and when
#: the original was appended (ms).
REDRIVEN_HEADER: Final = "freshet.redriven"
ORIGINAL_TIME_HEADER: Final = "freshet.original_append_time_ms"
_KEY: Final = _PREFIX + "key"
_TOPIC: Final = re.compile(rb"[A-Za-z0-9._-]{1,249}")


def original_time_ms(headers: Iterable[tuple[str, bytes | None]]) -> int | None:
    """When the original of a republished record was appended; None for every other record, and where it says no time.

    >>> original_time_ms([("traceparent", b"00"), (ORIGINAL_TIME_HEADER, b"1700000000000")])
    1700000000000
    """
    for name, text in headers:
        if name == ORIGINAL_TIME_HEADER:
            return whole_number(text)
    return None


def dead_letter_name(text: bytes | None) -> str | None:
    """The dead letter that `REDRIVEN_HEADER` names, "topic:partition:offset"; None when it names none.

    >>> dead_letter_name(b"user.interactions:3:41"), dead_letter_name(b"41"), dead_letter_name(None)
    ('user.interactions:3:41', None, None)
    """
    topic, *numbers = (text or b"").split(b":")
    if len(numbers) != 2 or not _TOPIC.fullmatch(topic) or any(whole_number(number) is None for number in numbers):
        return None
    return (text or b"").decode()


class DeadLetterRecord(NamedTuple):
    """The arguments of a producer's send, topic excluded."""

    key: bytes
    value: bytes
    partition: int
    headers: list[tuple[str, bytes]]


@dataclass(frozen=True)
class DeadLetter:
    """One unusable record.

    `detail` is for people. `topic`, `partition` and `offset` are the source's coordinates: dead letters with the same
    coordinates are redeliveries of one. `append_time_ms` is the source record's timestamp. `original_bytes` is the
    length of the source's value when `value` holds only its beginning, else None. `redriven` is the "partition:offset"
    of the interactions topic where the original was published again, "" until then.
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
    redriven: str = ""

    @property
    def coordinates(self) -> tuple[str, int, int]:
        """Source topic, partition and offset: what to count by."""
        return self.topic, self.partition, self.offset

    @property
    def name(self) -> str:
        """The coordinates as text, `topic:partition:offset`: the record key, and what operators type."""
        return f"{self.topic}:{self.partition}:{self.offset}"

    def blank(self) -> "DeadLetter":
        """The same dead letter without anything of its user: it still counts, and says nothing."""
        return replace(self, key=None, value=b"", reason=Reason.ERASED, detail="", original_bytes=None, redriven="")

    def cut(self) -> "DeadLetter":
        """The same dead letter, with no more of the original's value than a dead letter holds."""
        if self.value is None or len(self.value) <= MAX_VALUE_BYTES:
            return self
        return replace(self, value=self.value[:MAX_VALUE_BYTES], original_bytes=len(self.value))

    def to_record(self) -> DeadLetterRecord:
        """The record to send to the dead-letter topic.

        >>> name = ("user.interactions", 2, 41)
        >>> dead_letter = DeadLetter(b"u", b"{", Reason.NOT_JSON, "truncated", *name, 1_700_000_000_000)
        >>> record = dead_letter.to_record()
        >>> record.key, record.partition, dict(record.headers)["freshet.reason"]
        (b'user.interactions:2:41', 2, b'not_json')
        >>> DeadLetter.from_record(record.key, record.value, record.headers) == dead_letter
        True
        """
        fields: dict[str, object] = {
            "reason": self.reason.value,
            "detail": self.detail[:MAX_DETAIL_CHARS],
            "topic": self.topic,
            "partition": self.partition,
            "offset": self.offset,
            "append_time_ms": self.append_time_ms,
        }
        cut = self.cut()
        if cut.value is None:
            fields["no_value"] = True  # a null would remove the dead letter
        if cut.original_bytes is not None:
            fields["original_bytes"] = cut.original_bytes
        if self.redriven:
            fields["redriven"] = self.redriven
        # A lone surrogate, which a detail may quote, has no UTF-8 form.
        headers = [(_PREFIX + name, str(text).encode("utf-8", "backslashreplace")) for name, text in fields.items()]
        if self.key is not None:
            headers.append((_KEY, self.key[:MAX_KEY_BYTES]))
        return DeadLetterRecord(self.name.encode(), cut.value or b"", self.partition, headers)

    @classmethod
    def from_record(
        cls, key: bytes | None, value: bytes | None, headers: Iterable[tuple[str, bytes | None]]
    ) -> "DeadLetter":
        """The dead letter in a record. Raises `ValueError` when a header is missing or malformed, or the record's key
        names another letter."""
        raw = {name.removeprefix(_PREFIX): text for name, text in headers if name.startswith(_PREFIX)}
        original_key = raw.pop("key", None)
        texts = {name: text.decode() for name, text in raw.items() if text is not None}
        try:
            dead_letter = cls(
                key=original_key,
                value=None if "no_value" in texts else value,
                reason=Reason(texts["reason"]),
                detail=texts["detail"],
                topic=texts["topic"],
                partition=int(texts["partition"]),
                offset=int(texts["offset"]),
                append_time_ms=int(texts["append_time_ms"]),
                original_bytes=int(texts["original_bytes"]) if "original_bytes" in texts else None,
                redriven=texts.get("redriven", ""),
            )
        except KeyError as missing:
            raise ValueError(f"not a dead letter: header {_PREFIX}{missing.args[0]} is missing") from None
        if key != dead_letter.name.encode():
            raise ValueError(f"not a dead letter: the record key {key!r} is not {dead_letter.name}")
        return dead_letter
