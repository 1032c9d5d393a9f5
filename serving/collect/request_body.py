"""What a request says: one event, an array of events, or an object that holds them. Pure.

Each event is checked by the parser of the log itself and written byte for byte as it was sent, so that what is accepted
here is folded, and what the log would refuse is told to whoever sent it instead of becoming a dead letter.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Any, Final, NamedTuple

import msgspec

from serving.endpoint.problems import Problem
from streams.contract.events import parse_interaction
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.wire import MAX_RECORD_BYTES

MAX_BODY_BYTES: Final = 1 << 20
MAX_EVENTS: Final = 1_000


class CheckedEvent(NamedTuple):
    """One event that the log takes. `place` is where it stands in the request, `value` what is written."""

    place: int
    event_id: str
    user_id: str
    value: bytes


class RefusedEvent(NamedTuple):
    """One that is not written. `reason` is a word of `streams.contract.reasons`, `rate_limited` or
    `too_many_at_once`."""

    place: int
    reason: str
    detail: str

    def as_member(self) -> dict[str, Any]:
        """As problems name it."""
        return {"index": self.place, "reason": self.reason, "detail": self.detail}


@dataclass(slots=True)
class SentEvents:
    """What one request holds. `access_token` is of a sender that can set no header (`navigator.sendBeacon`)."""

    checked: list[CheckedEvent] = field(default_factory=list)
    refused: list[RefusedEvent] = field(default_factory=list)
    access_token: str | None = None


class _Envelope(msgspec.Struct, forbid_unknown_fields=True):
    events: list[msgspec.Raw]
    access_token: str | None = None


_ARRAY: Final = msgspec.json.Decoder(list[msgspec.Raw])
_ENVELOPE: Final = msgspec.json.Decoder(_Envelope)
_MEMBERS: Final = msgspec.json.Decoder(dict[str, msgspec.Raw])
_ENCODER: Final = msgspec.json.Encoder()
#: Of a body that is one event.
_OF_A_BODY: Final = {Reason.NOT_JSON: 400, Reason.TOO_LARGE: 413}
_ABSENT: Final = (b"null", b'""')


def read_body(body: bytes, now_ms: int, *, adds_time: bool = False) -> SentEvents:
    """The events of a body. `adds_time`: one without a timestamp happened now, which is milliseconds since the epoch.

    Raises a Problem, 400 for what holds no events and 413 for too many.

    >>> (event,) = read_body(
    ...     b'{"event_type": "search", "user_id": 7, "event_id": "e", "timestamp": 1767225600000}', 1767225600000
    ... ).checked
    >>> event.event_id, event.user_id, event.value[:9]
    ('e', '7', b'{"event_t')
    >>> read_body(b'[{"event_type": "like"}]', 1767225600000).refused
    [RefusedEvent(place=0, reason='missing_field', detail='user_id')]
    """
    sent = SentEvents()
    text = body.strip(b" \t\r\n")
    if text[:1] == b"[":
        values = [bytes(raw) for raw in _decoded(_ARRAY, text)]
    elif b'"events"' in text and (envelope := _envelope(text)) is not None:
        values, sent.access_token = [bytes(raw) for raw in envelope.events], envelope.access_token
    elif text[:1] == b"{":
        values = [text]
    else:
        raise Problem(400, "the body is neither a JSON object (one event) nor an array of them")
    if not values:
        raise Problem(400, "the body holds no event")
    if len(values) > MAX_EVENTS:
        raise Problem(413, f"{len(values)} events, at most {MAX_EVENTS} are taken at once", allowed=MAX_EVENTS)
    for index, value in enumerate(values):
        try:
            sent.checked.append(_checked(index, value, now_ms, adds_time))
        except InvalidEvent as refusal:
            if values[0] is text and refusal.reason in _OF_A_BODY:
                raise Problem(_OF_A_BODY[refusal.reason], refusal.detail, reason=refusal.reason.value) from None
            sent.refused.append(RefusedEvent(index, refusal.reason.value, refusal.detail))
    return sent


def _checked(index: int, value: bytes, now_ms: int, adds_time: bool) -> CheckedEvent:
    if adds_time:
        value = _with_time(value, now_ms)
    event = parse_interaction(value, now_ms)
    return CheckedEvent(index, event.event_id, event.user_id, value)


def _with_time(value: bytes, now_ms: int) -> bytes:
    if len(value) > MAX_RECORD_BYTES:
        return value  # refused for that
    try:
        members = _MEMBERS.decode(value)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError):
        return value  # refused for what is wrong with it
    if bytes(members.get("timestamp", b"null")) not in _ABSENT:
        return value
    return _ENCODER.encode({**members, "timestamp": now_ms})


def _envelope(text: bytes) -> _Envelope | None:
    """None when "events" is a member of one event, or a text in it."""
    try:
        return _ENVELOPE.decode(text)
    except msgspec.ValidationError:
        return None
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Problem(400, f"the body is not JSON: {problem}") from None


def _decoded(decoder: msgspec.json.Decoder[list[msgspec.Raw]], text: bytes) -> list[msgspec.Raw]:
    try:
        return decoder.decode(text)
    except (msgspec.DecodeError, UnicodeDecodeError, RecursionError) as problem:
        raise Problem(400, f"the body is not JSON: {problem}") from None
