"""What every JSON record has in common on the wire: size, depth, ids and timestamps.

Types and ranges are checked by msgspec while it decodes (in C, well under a microsecond); this module turns what it
refuses into an `InvalidEvent` and holds the checks that msgspec does not make. Nothing here depends on the depth of
the Python stack or on the clock, so that a replay refuses exactly what the live loop refused.
"""

import datetime
import re
from typing import Annotated, TypeVar

import msgspec

from streams.reasons import InvalidEvent, Reason

MAX_RECORD_BYTES = 65_536
MAX_DEPTH = 32
MAX_ID_LENGTH = 128
#: Numbers below this are seconds, not milliseconds: as milliseconds they would lie before 3 March 1973.
SECONDS_BELOW = 10**11

_DAY = r"[0-9]{4}-[0-9]{2}-[0-9]{2}"
_TIME_AND_OFFSET = r"[0-9]{2}:[0-9]{2}:[0-9]{2}(\.[0-9]+)?([Zz]|[+-][0-9]{2}:?[0-9]{2})"
#: An id as producers may write it: a string of 1-128 characters without U+0000, or an integer. What `extra_json_schema`
#: says here and below goes into the JSON Schema only; the functions of this module check it after decoding.
WireId = (
    Annotated[
        str,
        msgspec.Meta(min_length=1, max_length=MAX_ID_LENGTH, extra_json_schema={"pattern": r"^[^\u0000]*$"}),
    ]
    | int
)
_RFC3339 = Annotated[
    datetime.datetime,
    msgspec.Meta(tz=True, extra_json_schema={"pattern": rf"^{_DAY}[Tt ]{_TIME_AND_OFFSET}$"}),
]
#: An event's time as producers may write it: milliseconds since the epoch, or RFC 3339 text with an offset.
WireTime = Annotated[int, msgspec.Meta(extra_json_schema={"minimum": SECONDS_BELOW})] | _RFC3339
#: A catalogue time: as above but possibly before 1970, or a calendar day as YYYY-MM-DD.
WireMoment = (
    Annotated[
        int,
        msgspec.Meta(extra_json_schema={"anyOf": [{"minimum": SECONDS_BELOW}, {"maximum": -SECONDS_BELOW}]}),
    ]
    | Annotated[str, msgspec.Meta(extra_json_schema={"pattern": rf"^{_DAY}([Tt ]{_TIME_AND_OFFSET})?$"})]
)
#: ISO 3166-1 alpha-2; `upper_country` checks that both characters are letters.
WireCountry = Annotated[str, msgspec.Meta(min_length=2, max_length=2, extra_json_schema={"pattern": "^[A-Za-z]{2}$"})]

_EPOCH = datetime.datetime(1970, 1, 1, tzinfo=datetime.UTC)
_MILLISECOND = datetime.timedelta(milliseconds=1)
_JSON_STRING = re.compile(rb'"[^"\\]*(?:\\.[^"\\]*)*"?', re.DOTALL)
_INTEGER_ID_LIMIT = 10**MAX_ID_LENGTH
_DETAIL_LENGTH = 200

T = TypeVar("T")


def decode(decoder: msgspec.json.Decoder[T], value: bytes | None) -> T:
    """Decodes one record value, or raises `InvalidEvent` saying why it cannot be used.

    >>> decode(msgspec.json.Decoder(dict[str, int]), b'{"a": 1}')
    {'a': 1}
    >>> decode(msgspec.json.Decoder(dict[str, int]), b'{"a": 1')
    Traceback (most recent call last):
    ...
    streams.reasons.InvalidEvent: not_json: Input data was truncated
    """
    if value is None:
        raise InvalidEvent(Reason.NOT_JSON, "the record has no value")
    if len(value) > MAX_RECORD_BYTES:
        raise InvalidEvent(Reason.TOO_LARGE, f"{len(value)} bytes, at most {MAX_RECORD_BYTES} are allowed")
    if not value.isascii():
        _require_utf8(value)  # msgspec skips unknown fields without looking at their encoding
    if value.count(b"{") + value.count(b"[") > MAX_DEPTH and _depth(value) > MAX_DEPTH:
        raise InvalidEvent(Reason.TOO_DEEP, f"nested more than {MAX_DEPTH} levels deep")
    try:
        return decoder.decode(value)
    except msgspec.ValidationError as refusal:
        raise _explained(str(refusal)) from None
    except msgspec.DecodeError as refusal:
        raise InvalidEvent(Reason.NOT_JSON, str(refusal)) from None


def id_of(raw: str | int, field: str) -> str:
    """The id as it is kept: integers become decimal strings.

    >>> id_of(42, "user_id")
    '42'
    """
    if type(raw) is int:
        if not -_INTEGER_ID_LIMIT // 10 < raw < _INTEGER_ID_LIMIT:
            raise InvalidEvent(Reason.OUT_OF_RANGE, f"{field} has more than {MAX_ID_LENGTH} characters")
        return str(raw)
    return raw  # type: ignore[return-value]


def holds_nul(value: bytes) -> bool:
    r"""Whether some string of this valid JSON may hold U+0000; JSON can only write it as the escape \u0000."""
    return b"\\u0000" in value


def refuse_nul(text: str | None, field: str) -> None:
    """Raises when the id holds U+0000, which separates the parts of derived event ids and of row keys."""
    if text is not None and "\0" in text:
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"{field} holds U+0000")


def ms_of(raw: int | datetime.datetime, field: str) -> int:
    """Milliseconds since the epoch; finer parts of RFC 3339 text are cut off.

    >>> ms_of(1_700_000_000_000, "timestamp")
    1700000000000
    >>> ms_of(datetime.datetime(2023, 11, 14, 22, 13, 20, 1999, tzinfo=datetime.UTC), "timestamp")
    1700000000001
    >>> ms_of(1_700_000_000, "timestamp")
    Traceback (most recent call last):
    ...
    streams.reasons.InvalidEvent: timestamp_in_seconds: timestamp 1700000000 is below 100000000000: write milliseconds
    """
    if type(raw) is int:
        if -SECONDS_BELOW < raw < SECONDS_BELOW:
            detail = f"{field} {raw} is below {SECONDS_BELOW}: write milliseconds"
            raise InvalidEvent(Reason.TIMESTAMP_IN_SECONDS, detail)
        return raw
    return (raw - _EPOCH) // _MILLISECOND  # type: ignore[operator]


def moment_of(raw: int | str, field: str) -> int:
    """Milliseconds since the epoch of a catalogue time, negative before 1970; a day means its midnight in UTC.

    >>> moment_of("1927-01-10", "released_at")
    -1356220800000
    """
    if isinstance(raw, int):
        return ms_of(raw, field)
    text = f"{raw}T00:00:00Z" if len(raw) == len("1927-01-10") else raw
    try:
        return ms_of(msgspec.convert(text, _RFC3339), field)
    except msgspec.ValidationError as refusal:
        raise InvalidEvent(Reason.WRONG_TYPE, f"{field}: {refusal}") from None


def upper_country(raw: str, field: str) -> str:
    """The country in upper case. Any two ASCII letters pass: the list of assigned codes changes, the log does not.

    >>> upper_country("de", "country")
    'DE'
    """
    if not (raw.isascii() and raw.isalpha()):
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"{field} must be two letters, ISO 3166-1 alpha-2")
    return raw.upper()


def _require_utf8(value: bytes) -> None:
    try:
        value.decode()
    except UnicodeDecodeError as refusal:
        raise InvalidEvent(Reason.NOT_JSON, f"not UTF-8 at byte {refusal.start}") from None


def _depth(value: bytes) -> int:
    """How deep arrays and objects nest, brackets inside strings not counted."""
    deepest = depth = 0
    for byte in _JSON_STRING.sub(b"", value):
        if byte in b"[{":
            depth += 1
            deepest = max(deepest, depth)
        elif byte in b"]}":
            depth -= 1
    return deepest


def _explained(refusal: str) -> InvalidEvent:
    """msgspec's refusal as ours. It names what it got only when the JSON type is wrong, else the broken bound."""
    if refusal.startswith("Invalid enum value"):  # quotes the value, which may hold anything
        return InvalidEvent(Reason.OUT_OF_RANGE, refusal[:_DETAIL_LENGTH])
    if " got `" in refusal or "RFC3339" in refusal or "timezone" in refusal:
        return InvalidEvent(Reason.WRONG_TYPE, refusal)
    return InvalidEvent(Reason.OUT_OF_RANGE, refusal)
