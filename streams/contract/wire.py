"""What every JSON record has in common on the wire: size, depth, ids and timestamps.

Types and ranges are checked by msgspec while it decodes (in C, well under a microsecond); this module turns what it
refuses into an `InvalidEvent` and holds the checks that msgspec does not make. Nothing here depends on the depth of
the Python stack or on the clock, so that a replay refuses exactly what the live loop refused.
"""

import datetime
import re
from typing import Annotated, Any, TypeVar

import msgspec

from streams.contract.ids import CONTROL_PATTERN, DOTS, MAX_ID_LENGTH, problem_of
from streams.contract.lenient_json import read_leniently
from streams.contract.reasons import InvalidEvent, Reason

MAX_RECORD_BYTES = 65_536
MAX_DEPTH = 32
#: Numbers below this are seconds, not milliseconds: as milliseconds they would lie before 3 March 1973.
SECONDS_BELOW = 10**11
#: The first and the last millisecond of the years that RFC 3339 can write, 0001 to 9999, in UTC: every moment lies
#: between them, and so fits where it is kept (int64) with room for any arithmetic.
FIRST_MS = -62_135_596_800_000
LAST_MS = 253_402_300_799_999

_DAY = (  # every day of the calendar from year 1 on, 29 February in leap years only
    r"(?:(?:[0-9]{3}[1-9]|[0-9]{2}[1-9][0-9]|[0-9][1-9][0-9]{2}|[1-9][0-9]{3})"
    r"-(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)"
    r"|02-(?:0[1-9]|1[0-9]|2[0-8]))"
    r"|(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:0[48]|[2468][048]|[13579][26])00)-02-29)"
)
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9]:[0-5][0-9](?:\.[0-9]+)?"
_OFFSET = r"(?:[01][0-9]|2[0-3]):?[0-5][0-9]"
_TIME_AND_OFFSET = rf"{_CLOCK}(?:[Zz]|[+-]{_OFFSET})"
_NOT_UTC = "(?:0[1-9]|[12][0-9]|00:?(?:0[1-9]|[1-5][0-9]))"
#: `$` of some dialects also matches before a line's end.
_ONE_LINE = {"not": {"pattern": r"\n"}}
#: An id as producers may write it: a string as `streams.contract.ids` has it, or an integer. What `extra_json_schema`
#: says here and below goes into the JSON Schema only; the functions of this module check it after decoding.
WireId = (
    Annotated[
        str,
        msgspec.Meta(
            min_length=1,
            max_length=MAX_ID_LENGTH,
            extra_json_schema={"not": {"anyOf": [{"pattern": CONTROL_PATTERN}, {"enum": list(DOTS)}]}},
        ),
    ]
    | Annotated[
        int,
        msgspec.Meta(extra_json_schema={"minimum": 1 - 10 ** (MAX_ID_LENGTH - 1), "maximum": 10**MAX_ID_LENGTH - 1}),
    ]
)
_RFC3339 = Annotated[datetime.datetime, msgspec.Meta(tz=True)]
#: An event's time as producers may write it: milliseconds since the epoch, or RFC 3339 text with an offset.
WireTime = (
    Annotated[int, msgspec.Meta(extra_json_schema={"minimum": SECONDS_BELOW, "maximum": LAST_MS})]
    | Annotated[
        datetime.datetime,
        msgspec.Meta(
            tz=True,
            extra_json_schema={
                "pattern": rf"^{_DAY}[Tt ]{_TIME_AND_OFFSET}$",
                "allOf": [
                    {"pattern": "^(?:19[7-9][0-9]|[2-9][0-9]{3})"},
                    {"not": {"pattern": rf"^1970-01-01.*\+{_NOT_UTC}"}},
                ],
            }
            | _ONE_LINE,
        ),
    ]
)
#: A catalogue time: as above but possibly before 1970, or a calendar day as YYYY-MM-DD.
WireMoment = (
    Annotated[
        int,
        msgspec.Meta(
            extra_json_schema={
                "anyOf": [
                    {"minimum": SECONDS_BELOW, "maximum": LAST_MS},
                    {"minimum": FIRST_MS, "maximum": -SECONDS_BELOW},
                ]
            }
        ),
    ]
    | Annotated[
        str,
        msgspec.Meta(
            extra_json_schema={
                "pattern": rf"^{_DAY}(?:[Tt ]{_TIME_AND_OFFSET})?$",
                "not": {
                    "anyOf": [
                        {"pattern": r"\n"},
                        {"pattern": rf"^0001-01-01.*\+{_NOT_UTC}"},
                        {"pattern": rf"^9999-12-31.*-{_NOT_UTC}"},
                    ]
                },
            }
        ),
    ]
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
    streams.contract.reasons.InvalidEvent: not_json: Input data was truncated
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
        return _decode_leniently(decoder, value, refusal)
    except msgspec.DecodeError as refusal:
        raise InvalidEvent(Reason.NOT_JSON, str(refusal)) from None


def _decode_leniently(decoder: msgspec.json.Decoder[T], value: bytes, refusal: msgspec.ValidationError) -> T:
    try:
        record = read_leniently(value, getattr(decoder.type, "__struct_fields__", ()))
    except msgspec.ValidationError:  # a number of thousands of digits
        record = None
    except msgspec.DecodeError as broken:
        raise InvalidEvent(Reason.NOT_JSON, str(broken)) from None
    if record is None:
        raise _explained(str(refusal)) from None
    try:
        return msgspec.convert(record, decoder.type)
    except msgspec.ValidationError as other:
        raise _explained(str(other)) from None


def members_of(value: bytes | None) -> dict[str, Any]:
    """The members of a JSON object, of any types; none when it is no JSON object.

    >>> members_of(b'{"a": 1.5}'), members_of(b"[1"), members_of(None)
    ({'a': 1.5}, {}, {})
    """
    try:
        return msgspec.json.decode(value or b"", type=dict[str, Any])
    except (msgspec.DecodeError, RecursionError, UnicodeDecodeError):
        return {}


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


def refuse_unreadable(text: str | None, field: str) -> None:
    """Raises when the text cannot be an id."""
    if text is not None and (problem := problem_of(text)):
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"{field} {problem}")


def ms_of(raw: int | datetime.datetime, field: str) -> int:
    """Milliseconds since the epoch; finer parts of RFC 3339 text are cut off.

    >>> ms_of(1_700_000_000_000, "timestamp")
    1700000000000
    >>> ms_of(datetime.datetime(2023, 11, 14, 22, 13, 20, 1999, tzinfo=datetime.UTC), "timestamp")
    1700000000001
    >>> ms_of(1_700_000_000, "at")
    Traceback (most recent call last):
    ...
    streams.contract.reasons.InvalidEvent: timestamp_in_seconds: at 1700000000 is below 100000000000: write milliseconds
    """
    if type(raw) is int:
        if -SECONDS_BELOW < raw < SECONDS_BELOW:
            detail = f"{field} {raw} is below {SECONDS_BELOW}: write milliseconds"
            raise InvalidEvent(Reason.TIMESTAMP_IN_SECONDS, detail)
        return raw
    return (raw - _EPOCH) // _MILLISECOND  # type: ignore[operator]


def moment_of(raw: int | str, field: str) -> int:
    """Milliseconds since the epoch of a catalogue time, negative before 1970; a day means its midnight in UTC. From
    `FIRST_MS` to `LAST_MS`.

    >>> moment_of("1927-01-10", "released_at")
    -1356220800000
    >>> moment_of(10**20, "available_until")
    Traceback (most recent call last):
    ...
    streams.contract.reasons.InvalidEvent: out_of_range: available_until is not within the years 1 to 9999
    """
    moment_ms = ms_of(raw, field) if isinstance(raw, int) else _written_moment(raw, field)
    if not FIRST_MS <= moment_ms <= LAST_MS:
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"{field} is not within the years 1 to 9999")
    return moment_ms


def _written_moment(raw: str, field: str) -> int:
    text = f"{raw}T00:00:00Z" if len(raw) == len("1927-01-10") else raw
    try:
        moment = msgspec.convert(text, _RFC3339)
    except msgspec.ValidationError as refusal:
        raise InvalidEvent(Reason.WRONG_TYPE, f"{field}: {refusal}") from None
    # JSON Schema cannot add an offset: on the days where one may lead out of the calendar, it must not try.
    offset_s = moment.utcoffset().total_seconds()  # type: ignore[union-attr]  # text without an offset was refused
    if (moment.date() == datetime.date.min and offset_s > 0) or (moment.date() == datetime.date.max and offset_s < 0):
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"{field} is not within the years 1 to 9999")
    return ms_of(moment, field)


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
