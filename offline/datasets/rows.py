"""The records that data sets and the simulator publish, as producers write them (see docs/producing.md)."""

import msgspec

_ENCODER = msgspec.json.Encoder()


class EventRow(msgspec.Struct, omit_defaults=True, gc=False):
    """One interaction; `timestamp` in milliseconds since the epoch. Absent fields are not written."""

    event_id: str
    event_type: str
    user_id: str
    timestamp: int
    item_id: str | None = None
    rating: float | None = None
    watch_duration: float | None = None
    completion_pct: float | None = None
    session_id: str | None = None
    device_type: str | None = None
    country: str | None = None
    query: str | None = None
    position: int | None = None


class ItemRow(msgspec.Struct, omit_defaults=True):
    """One catalogue item; `released_at` as YYYY-MM-DD or milliseconds since the epoch."""

    item_id: str
    title: str
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    director: str | None = None
    year: int | None = None
    language: str | None = None
    duration_s: int | None = None
    maturity: str | None = None
    released_at: str | int | None = None
    item_type: str | None = None
    description: str | None = None


class ProfileRow(msgspec.Struct, omit_defaults=True):
    """One user profile."""

    user_id: str
    country: str | None = None
    language: str | None = None
    age_group: str | None = None
    favorite_genres: tuple[str, ...] = ()
    disliked_genres: tuple[str, ...] = ()
    maturity_max: str | None = None
    created_at: int | None = None


def encode(row: EventRow | ItemRow | ProfileRow) -> bytes:
    """The row as the JSON value of a record.

    >>> encode(ProfileRow("7", age_group="25-34"))
    b'{"user_id":"7","age_group":"25-34"}'
    """
    return _ENCODER.encode(row)
