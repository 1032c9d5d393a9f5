"""Parses the records of an unpacked batch one by one, so that one that is not as it should be costs nobody else.

aiokafka does this in C, and gives up a whole batch for one header name that is not UTF-8. This is for such batches, and
for large ones: what a record takes in memory is bounded here, by cutting what is too long and by counting headers
before they are made.

    record = length, attributes, timestamp delta, offset delta, key, value, headers     numbers are zig-zag varints
"""

from collections.abc import Iterator
from typing import Final, NamedTuple

from streams.contract.reasons import InvalidEvent, Reason

#: No record that anybody may have to take is longer (`streams.kafka.topics.DEAD_LETTER_MAX_BYTES`).
MAX_FIELD_BYTES: Final = 2 * 1024 * 1024
#: So much is left of a longer one, for the dead letter (`streams.contract.dead_letters.MAX_VALUE_BYTES`).
KEPT_BYTES: Final = 1024 * 1024
MAX_HEADERS: Final = 10_000

_MAX_SHIFT: Final = 63

Headers = list[tuple[str, bytes | None]]


class Parsed(NamedTuple):
    """A record; offset and timestamp are relative to its batch's. `refusal` says what is wrong with it; `is_whole` that
    key and value are as they were sent all the same."""

    offset: int
    timestamp: int
    key: bytes | None
    value: bytes | None
    headers: Headers
    refusal: InvalidEvent | None = None
    is_whole: bool = True
    value_bytes: int = 0


class _Cut(Exception):
    """The record does not have the bytes that it should."""


def records(body: memoryview, count: int) -> Iterator[Parsed]:
    """Up to `count` records. Ends early, with an `InvalidEvent`, where no further one can be found."""
    position = 0
    for _ in range(count):
        try:
            length, begin = _varint(body, position, len(body))
            if not 0 <= length <= len(body) - begin:
                raise _Cut
        except _Cut:
            raise InvalidEvent(Reason.DAMAGED, "a record of another length than its batch holds") from None
        position = begin + length
        yield _record(body[begin:position])


def _record(raw: memoryview) -> Parsed:
    offset = timestamp = -1
    try:
        timestamp, at = _varint(raw, 1, len(raw))  # behind the attributes
        offset, at = _varint(raw, at, len(raw))
        key, _, at = _field(raw, at)
        value, value_bytes, at = _field(raw, at)
    except _Cut:
        if offset < 0:
            raise InvalidEvent(Reason.DAMAGED, "a record without an offset") from None
        damaged = InvalidEvent(Reason.DAMAGED, "key or value are longer than the record")
        return Parsed(offset, timestamp, None, None, [], damaged, is_whole=False)
    if len(key or b"") > MAX_FIELD_BYTES or value_bytes > MAX_FIELD_BYTES:
        longest = max(len(key or b""), value_bytes)
        refusal = InvalidEvent(Reason.TOO_LARGE, f"{longest} bytes, at most {MAX_FIELD_BYTES} can be read")
        cut = _bytes(key, KEPT_BYTES), _bytes(value, KEPT_BYTES)
        return Parsed(offset, timestamp, *cut, [], refusal, is_whole=False, value_bytes=value_bytes)
    whole = _bytes(key), _bytes(value)
    try:
        headers = _headers(raw, at)
    except _Cut:
        damaged = InvalidEvent(Reason.DAMAGED, "headers are longer than the record")
        return Parsed(offset, timestamp, *whole, [], damaged)
    except InvalidEvent as refusal:
        return Parsed(offset, timestamp, *whole, [], refusal)
    return Parsed(offset, timestamp, *whole, headers)


def _headers(raw: memoryview, at: int) -> Headers:
    count, at = _varint(raw, at, len(raw))
    if count > MAX_HEADERS:
        raise InvalidEvent(Reason.BAD_HEADER, f"{count} headers, at most {MAX_HEADERS} are read")
    headers: Headers = []
    for number in range(count):
        name, _, at = _field(raw, at)
        value, _, at = _field(raw, at)
        try:
            text = bytes(name or b"").decode()
        except UnicodeDecodeError:
            shown = bytes((name or b"")[:64]).decode("utf-8", "backslashreplace")
            raise InvalidEvent(Reason.BAD_HEADER, f"the name of header {number} is not UTF-8: {shown}") from None
        headers.append((text, _bytes(value)))
    if count < 0 or at != len(raw):
        raise _Cut
    return headers


def _bytes(field: memoryview | None, most: int | None = None) -> bytes | None:
    return None if field is None else bytes(field[:most])


def _field(raw: memoryview, at: int) -> tuple[memoryview | None, int, int]:
    """Bytes with their length in front (-1 = none), how many, and where they end."""
    length, at = _varint(raw, at, len(raw))
    if length < 0:
        return None, 0, at
    if length > len(raw) - at:
        raise _Cut
    return raw[at : at + length], length, at + length


def _varint(raw: memoryview, at: int, end: int) -> tuple[int, int]:
    shift = number = 0
    while True:
        if at >= end or shift > _MAX_SHIFT:
            raise _Cut
        byte = raw[at]
        at += 1
        number |= (byte & 0x7F) << shift
        if byte < 0x80:
            return (number >> 1) ^ -(number & 1), at
        shift += 7
