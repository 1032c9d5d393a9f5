"""The interaction event: what a producer may send on `user.interactions` and what the rest of Freshet sees of it.

Parsing is a pure function of the record's bytes and of the time the broker appended it, so that a replay accepts and
refuses exactly what the live loop did. The rules, with examples for producers, are in docs/producing.md.

Of a key that occurs twice in one object the last value counts (as in every common JSON parser), and each value must
be valid. CloudEvents headers, when present, are ignored: the value alone is the event.
"""

import datetime
import hashlib
from enum import StrEnum
from typing import Annotated, Final

import msgspec

from streams.contract.ids import may_hold_problem
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.units import DAY_MS
from streams.contract.wire import WireCountry, WireId, WireTime, decode, id_of, ms_of, refuse_unreadable, upper_country

__all__ = [
    "FUTURE_TOLERANCE_MS",
    "MAX_COMPLETION_PCT",
    "EventType",
    "Interaction",
    "InvalidEvent",
    "Reason",
    "derived_event_id",
    "effective_type",
    "parse_interaction",
]

#: How far ahead of the broker's append time an event's timestamp may be.
FUTURE_TOLERANCE_MS: Final = 5 * 60 * 1000
#: Players round, and count a second after the end: up to here a completion means 100.
MAX_COMPLETION_PCT: Final = 101


class EventType(StrEnum):
    """The 15 things a user can do. Producers may write them in lower or in upper case."""

    IMPRESSION = "impression"
    CLICK = "click"
    VIEW = "view"
    PLAY = "play"
    WATCH_START = "watch_start"
    WATCH_PROGRESS = "watch_progress"
    WATCH_END = "watch_end"
    LIKE = "like"
    DISLIKE = "dislike"
    SKIP = "skip"
    RATING = "rating"
    PURCHASE = "purchase"
    ADD_TO_LIST = "add_to_list"
    HIDE = "hide"
    SEARCH = "search"


class Interaction(msgspec.Struct, frozen=True, gc=False):
    """One valid interaction. Text is as sent, ids are strings, `country` is upper case, times are UTC.

    `item_id` is "" only for searches. `completion_clamped` says that the event said a little more than 100.
    `watch_duration_s` is 0 to 10^9 seconds, `completion_pct` 0 to 100,
    `rating` 0.5 to 5 (present on every event of type rating), `position` 0 to 2^31 - 1.
    """

    event_id: str
    event_type: EventType
    user_id: str
    item_id: str
    timestamp_ms: int
    watch_duration_s: float | None = None
    completion_pct: float | None = None
    rating: float | None = None
    session_id: str | None = None
    device_type: str | None = None
    country: str | None = None
    language: str | None = None
    referrer: str | None = None
    query: str | None = None
    recommendation_id: str | None = None
    position: int | None = None
    experiment_id: str | None = None
    variant: str | None = None
    schema_version: str | None = None
    completion_clamped: bool = False


_Percent = Annotated[float, msgspec.Meta(ge=0, le=MAX_COMPLETION_PCT)]


class WireInteraction(msgspec.Struct, gc=False):
    """The event as producers write it: aliases included, null and "" mean absent, unknown fields are skipped."""

    event_type: str | None = None
    user_id: WireId | None = None
    item_id: WireId | None = None
    timestamp: WireTime | None = None
    event_id: WireId | None = None
    content_id: WireId | None = None
    watch_duration: Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None = None
    completion_pct: _Percent | None = None
    completion_percentage: _Percent | None = None
    progress_pct: _Percent | None = None
    rating: Annotated[float, msgspec.Meta(ge=0.5, le=5)] | None = None
    session_id: WireId | None = None
    device_type: str | None = None
    country: WireCountry | None = None
    language: str | None = None
    referrer: str | None = None
    query: str | None = None
    recommendation_id: WireId | None = None
    position: Annotated[int, msgspec.Meta(ge=0, le=2**31 - 1)] | None = None
    experiment_id: WireId | None = None
    variant: WireId | None = None
    schema_version: WireId | None = None


_DECODER: Final = msgspec.json.Decoder(WireInteraction)
_TYPES: Final = {spelling: kind for kind in EventType for spelling in (kind.value, kind.value.upper())}
_ID_FIELDS: Final = (
    "event_id",
    "user_id",
    "item_id",
    "session_id",
    "recommendation_id",
    "experiment_id",
    "variant",
    "schema_version",
)


def parse_interaction(value: bytes | None, append_time_ms: int) -> Interaction:
    """The event in a record's value, or `InvalidEvent` with the reason why there is none.

    `append_time_ms` is the record's timestamp (LogAppendTime). Not checked here, because it needs the state of a
    partition: `wrong_partition` and `too_old`.

    >>> event = parse_interaction(
    ...     b'{"event_type": "CLICK", "user_id": 7, "content_id": "m-1", "timestamp": "2023-11-14T22:13:20Z"}',
    ...     append_time_ms=1_700_000_000_500,
    ... )
    >>> event.event_type.value, event.user_id, event.item_id, event.timestamp_ms
    ('click', '7', 'm-1', 1700000000000)
    >>> parse_interaction(b'{"event_type": "click", "user_id": "7"}', 0)
    Traceback (most recent call last):
    ...
    streams.contract.reasons.InvalidEvent: missing_field: timestamp
    """
    wire = decode(_DECODER, value)
    event_type = _event_type(wire)
    if wire.user_id is None:
        raise InvalidEvent(Reason.MISSING_FIELD, "user_id")
    if wire.timestamp is None:
        raise InvalidEvent(Reason.MISSING_FIELD, "timestamp")
    timestamp_ms = _event_time_ms(wire.timestamp, append_time_ms)
    user_id = id_of(wire.user_id, "user_id")
    item_id = _item_id(wire, event_type)
    if event_type is EventType.RATING and wire.rating is None:
        raise InvalidEvent(Reason.MISSING_FIELD, "rating")
    if wire.event_id is None:
        event_id = derived_event_id(user_id, item_id, event_type, timestamp_ms)
    else:
        event_id = id_of(wire.event_id, "event_id")
    country = wire.country
    completion_pct = _completion_pct(wire)
    completion_clamped = completion_pct is not None and completion_pct > 100
    event = Interaction(
        event_id,
        event_type,
        user_id,
        item_id,
        timestamp_ms,
        wire.watch_duration,
        100.0 if completion_clamped else completion_pct,
        wire.rating,
        None if wire.session_id is None else id_of(wire.session_id, "session_id"),
        wire.device_type or None,
        country if country is None else upper_country(country, "country"),
        wire.language or None,
        wire.referrer or None,
        wire.query or None,
        None if wire.recommendation_id is None else id_of(wire.recommendation_id, "recommendation_id"),
        wire.position,
        None if wire.experiment_id is None else id_of(wire.experiment_id, "experiment_id"),
        None if wire.variant is None else id_of(wire.variant, "variant"),
        None if wire.schema_version is None else id_of(wire.schema_version, "schema_version"),
        completion_clamped,
    )
    if may_hold_problem(value):  # type: ignore[arg-type]  # decode refused None
        for field in _ID_FIELDS:
            refuse_unreadable(getattr(event, field) or None, field)
    return event


def derived_event_id(user_id: str, item_id: str, event_type: EventType, timestamp_ms: int) -> str:
    """The dedupe key of an event sent without one: 32 hex digits of what makes two events the same.

    >>> derived_event_id("u", "i", EventType.VIEW, 1_700_000_000_000)
    'b570c80cb387216e91f82ab25c2d858f'
    """
    identity = f"{user_id}\0{item_id}\0{event_type.value}\0{timestamp_ms}"
    return hashlib.blake2b(identity.encode(), digest_size=16).hexdigest()


def effective_type(event: Interaction) -> EventType:
    """What a rating says about taste: 4 and above is a like, 3 to below 4 a view, below 3 a dislike.

    Every other event means what its type says.

    >>> rating = Interaction("e", EventType.RATING, "u", "i", 1_700_000_000_000, rating=4.5)
    >>> effective_type(rating).value
    'like'
    """
    if event.event_type is not EventType.RATING or event.rating is None:
        return event.event_type
    if event.rating >= 4:
        return EventType.LIKE
    return EventType.VIEW if event.rating >= 3 else EventType.DISLIKE


def _event_type(wire: WireInteraction) -> EventType:
    if not wire.event_type:
        raise InvalidEvent(Reason.MISSING_FIELD, "event_type")
    event_type = _TYPES.get(wire.event_type)
    if event_type is None:
        raise InvalidEvent(Reason.UNKNOWN_EVENT_TYPE, repr(wire.event_type[:64]))
    return event_type


def _event_time_ms(raw: WireTime, append_time_ms: int) -> int:
    timestamp_ms = raw if type(raw) is int and raw < 0 else ms_of(raw, "timestamp")
    if timestamp_ms < DAY_MS and (timestamp_ms < 0 or _begins_before_1970(raw)):
        raise InvalidEvent(Reason.OUT_OF_RANGE, "timestamp is before 1970")
    if timestamp_ms > append_time_ms + FUTURE_TOLERANCE_MS:
        ahead_s = (timestamp_ms - append_time_ms) // 1000
        raise InvalidEvent(Reason.TIMESTAMP_IN_FUTURE, f"{ahead_s} s ahead of the append time {append_time_ms}")
    return timestamp_ms


def _item_id(wire: WireInteraction, event_type: EventType) -> str:
    if wire.content_id is not None:
        item_id = id_of(wire.content_id, "content_id")
        if wire.item_id is not None and id_of(wire.item_id, "item_id") != item_id:
            raise InvalidEvent(Reason.CONFLICTING_ITEM_ID, "item_id and content_id differ")
        return item_id
    if wire.item_id is not None:
        return id_of(wire.item_id, "item_id")
    if event_type is EventType.SEARCH:
        return ""
    raise InvalidEvent(Reason.MISSING_FIELD, "item_id")


def _begins_before_1970(raw: WireTime) -> bool:
    """Whether text that means the first day of 1970 is of the year before, or of that day east of Greenwich, where it
    begins earlier: JSON Schema cannot add an offset, so neither do we there."""
    if not isinstance(raw, datetime.datetime):
        return False
    is_east = raw.utcoffset() > datetime.timedelta(0)  # type: ignore[operator]  # decoding refused a time without one
    return raw.year < 1970 or (is_east and (raw.month, raw.day) == (1, 1))


def _completion_pct(wire: WireInteraction) -> float | None:
    """The percentage as sent, which may be a little more than 100."""
    percent = wire.completion_pct
    if wire.completion_percentage is None and wire.progress_pct is None:
        return percent
    for alias in (wire.completion_percentage, wire.progress_pct):
        if alias is None:
            continue
        if percent is not None and min(percent, 100) != min(alias, 100):
            detail = "completion_pct, completion_percentage and progress_pct differ"
            raise InvalidEvent(Reason.CONFLICTING_COMPLETION, detail)
        percent = alias
    return percent
