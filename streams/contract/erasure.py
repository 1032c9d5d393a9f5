"""Records of `user.erasure`: whose events are never folded again, up to where.

Key and partition are the user's, so every worker and every version finds the erasures that concern a partition of
interactions in the same partition here. Whoever asks for an erasure writes two records: first a marker that only says
"asked for" (or repeats the end of an earlier erasure), and, once that one is acknowledged, the same with the end
offset of the interactions partition read then. So whatever was acknowledged before the erasure began is covered.
"""

import re
from typing import Annotated, Final

import msgspec
import orjson

from streams.contract.reasons import InvalidEvent, Reason

_INT64: Final = msgspec.Meta(ge=-(2**63), le=2**63 - 1)  # what Kafka's own offsets and times fit in
_NAMED: Final = re.compile(rb'"user_id"\s*:\s*(?:"([^"\\]*)"|(-?\d+))')


class ErasureMarker(msgspec.Struct, frozen=True):
    """`end_offset` 0 = asked for, not in force; else events of the user before it in their partition are erased.
    `erased_at_ms` is the time of the request, ms since the epoch."""

    user_id: str
    erased_at_ms: Annotated[int, _INT64]
    end_offset: Annotated[int, _INT64] = 0

    def encode(self) -> bytes:
        """The record's value."""
        return msgspec.json.encode(self)


def parse_marker(value: bytes) -> ErasureMarker:
    """The marker in a record. Raises `ValueError` on anything else."""
    return msgspec.json.decode(value, type=ErasureMarker)


def marker_in(key: bytes | None, value: bytes | None) -> tuple[str, ErasureMarker | None]:
    """Who a record of the topic is about, and the marker; None = withdrawn. Raises `InvalidEvent`.

    >>> marker_in(b"u1", b'{"user_id": "u1", "erased_at_ms": 5, "end_offset": 7}')[1].end_offset
    7
    """
    try:
        user_id = (key or b"").decode()
    except UnicodeDecodeError:
        raise InvalidEvent(Reason.KEY_MISMATCH, "the key is not UTF-8") from None
    if not user_id:
        raise InvalidEvent(Reason.KEY_MISMATCH, "the record has no key")
    if value is None:
        return user_id, None
    try:
        marker = parse_marker(value)
    except ValueError as error:
        raise InvalidEvent(Reason.WRONG_TYPE, f"no erasure marker: {error}") from None
    if marker.user_id != user_id:
        raise InvalidEvent(Reason.KEY_MISMATCH, "user_id is not the record key")
    return user_id, marker


def users_named(key: bytes | None, value: bytes | None) -> set[str]:
    """The users that a record of interactions names, however damaged it is: by its key, and by its `user_id`.

    >>> sorted(users_named(b"u1", b'{"user_id": "u2", "event_ty'))
    ['u1', 'u2']
    >>> users_named(None, b'{"user_id": 7}')
    {'7'}
    """
    named = set() if key is None else {key.decode(errors="replace")}
    if value:
        named |= _in_value(value)
    return named


def _in_value(value: bytes) -> set[str]:
    try:
        parsed = orjson.loads(value)
    except orjson.JSONDecodeError:
        return {(text or number).decode(errors="replace") for text, number in _NAMED.findall(value)}
    user_id = parsed.get("user_id") if isinstance(parsed, dict) else None
    if isinstance(user_id, float) and user_id.is_integer():  # one of more digits than a float's is named by the key
        user_id = int(user_id)
    return {str(user_id)} if isinstance(user_id, str | int) else set()
