"""The two compacted topics that producers own: `catalog.items` and `users.profiles`.

Both are flat JSON keyed by id; a null value removes the item or profile. An absent or null field takes its default.
Parsing is pure: the same record always gives the same result.
"""

from typing import Annotated, Any, Final, Literal, cast

import msgspec

from streams.reasons import InvalidEvent, Reason
from streams.wire import (
    MAX_ID_LENGTH,
    WireCountry,
    WireId,
    WireMoment,
    decode,
    id_of,
    moment_of,
    refuse_nul,
    upper_country,
)

__all__ = [
    "MATURITIES",
    "CatalogItem",
    "Maturity",
    "UserProfile",
    "item_id_in",
    "maturity_age",
    "parse_catalog_item",
    "parse_profile",
    "user_id_in",
]

Maturity = Literal["all", "7", "12", "16", "18"]
MATURITIES: Final[tuple[Maturity, ...]] = ("all", "7", "12", "16", "18")


class CatalogItem(msgspec.Struct, frozen=True):
    """One item of the catalogue.

    `duration_s` is 0 or more; times are milliseconds since the epoch (negative before 1970); `regions` are upper-case
    country codes, none = everywhere; `available_from_ms` is inclusive, `available_until_ms` exclusive, None = no bound.
    """

    item_id: str
    title: str = ""
    description: str = ""
    genres: tuple[str, ...] = ()
    cast: tuple[str, ...] = ()
    director: str | None = None
    year: int | None = None
    language: str | None = None
    duration_s: float | None = None
    maturity: Maturity = "all"
    regions: tuple[str, ...] = ()
    released_at_ms: int | None = None
    thumbnail_url: str | None = None
    item_type: str | None = None
    available_from_ms: int | None = None
    available_until_ms: int | None = None
    attributes: dict[str, Any] = {}


class UserProfile(msgspec.Struct, frozen=True):
    """What a user told us. `country` is upper case, `maturity_max` the highest rating to show, `seed_items` the
    items picked while onboarding, in the order picked."""

    user_id: str
    country: str | None = None
    language: str | None = None
    timezone: str | None = None
    age_group: str | None = None
    favorite_genres: tuple[str, ...] = ()
    disliked_genres: tuple[str, ...] = ()
    seed_items: tuple[str, ...] = ()
    maturity_max: Maturity = "18"
    kids: bool = False
    created_at_ms: int | None = None


WireMaturity = Literal["all", "7", "12", "16", "18", 7, 12, 16, 18]


class WireItem(msgspec.Struct):
    """A catalogue item as producers write it: null means absent, unknown fields are skipped."""

    item_id: WireId | None = None
    title: str | None = None
    description: str | None = None
    genres: tuple[str, ...] | None = None
    cast: tuple[str, ...] | None = None
    director: str | None = None
    year: Annotated[int, msgspec.Meta(ge=0, le=9999)] | None = None
    language: str | None = None
    duration_s: Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None = None
    maturity: WireMaturity | None = None
    regions: tuple[WireCountry, ...] | None = None
    released_at: WireMoment | None = None
    thumbnail_url: str | None = None
    item_type: str | None = None
    available_from: WireMoment | None = None
    available_until: WireMoment | None = None
    attributes: dict[str, Any] | None = None


class WireProfile(msgspec.Struct):
    """A profile as producers write it: null means absent, unknown fields are skipped."""

    user_id: WireId | None = None
    country: WireCountry | None = None
    language: str | None = None
    timezone: str | None = None
    age_group: str | None = None
    favorite_genres: tuple[str, ...] | None = None
    disliked_genres: tuple[str, ...] | None = None
    seed_items: tuple[WireId, ...] | None = None
    maturity_max: WireMaturity | None = None
    kids: bool | None = None
    created_at: WireMoment | None = None


_ITEM_DECODER: Final = msgspec.json.Decoder(WireItem)
_PROFILE_DECODER: Final = msgspec.json.Decoder(WireProfile)


def parse_catalog_item(key: bytes | None, value: bytes | None) -> CatalogItem | None:
    """The item in a record of `catalog.items`, or None when the record removes the item its key names.

    Raises `InvalidEvent`; `key_mismatch` when the key is not the item's id (a compacted topic keeps the last record
    of each *key*, so a wrong key would make an item unremovable). The value may leave `item_id` out.

    >>> parse_catalog_item(b"m-1", b'{"title": "Metropolis", "genres": ["Sci-Fi"], "released_at": "1927-01-10"}').title
    'Metropolis'
    >>> parse_catalog_item(b"m-1", None) is None
    True
    """
    item_id = _id_in_key(key)
    if value is None:
        return None
    wire = decode(_ITEM_DECODER, value)
    _require_key(item_id, wire.item_id, "item_id")
    return CatalogItem(
        item_id=item_id,
        title=wire.title or "",
        description=wire.description or "",
        genres=wire.genres or (),
        cast=wire.cast or (),
        director=wire.director,
        year=wire.year,
        language=wire.language,
        duration_s=wire.duration_s,
        maturity=_maturity(wire.maturity, "all"),
        regions=tuple(upper_country(region, "regions") for region in wire.regions or ()),
        released_at_ms=_optional_moment(wire.released_at, "released_at"),
        thumbnail_url=wire.thumbnail_url,
        item_type=wire.item_type,
        available_from_ms=_optional_moment(wire.available_from, "available_from"),
        available_until_ms=_optional_moment(wire.available_until, "available_until"),
        attributes=wire.attributes or {},
    )


def parse_profile(key: bytes | None, value: bytes | None) -> UserProfile | None:
    """The profile in a record of `users.profiles`, or None when the record removes the profile its key names.

    Raises `InvalidEvent` as `parse_catalog_item` does.

    >>> parse_profile(b"7", b'{"user_id": 7, "country": "de", "maturity_max": 12}').country
    'DE'
    """
    user_id = _id_in_key(key)
    if value is None:
        return None
    wire = decode(_PROFILE_DECODER, value)
    _require_key(user_id, wire.user_id, "user_id")
    return UserProfile(
        user_id=user_id,
        country=None if wire.country is None else upper_country(wire.country, "country"),
        language=wire.language,
        timezone=wire.timezone,
        age_group=wire.age_group,
        favorite_genres=wire.favorite_genres or (),
        disliked_genres=wire.disliked_genres or (),
        seed_items=tuple(_seed_item(item) for item in wire.seed_items or ()),
        maturity_max=_maturity(wire.maturity_max, "18"),
        kids=bool(wire.kids),
        created_at_ms=_optional_moment(wire.created_at, "created_at"),
    )


def item_id_in(value: bytes) -> str:
    """The id that the value of a catalogue record names. Raises `InvalidEvent`."""
    return _required_id(decode(_ITEM_DECODER, value).item_id, "item_id")


def user_id_in(value: bytes) -> str:
    """The id that the value of a profile record names. Raises `InvalidEvent`."""
    return _required_id(decode(_PROFILE_DECODER, value).user_id, "user_id")


def maturity_age(maturity: Maturity) -> int:
    """The youngest age in years that may see it, so that ratings compare.

    >>> maturity_age("all"), maturity_age("16")
    (0, 16)
    """
    return 0 if maturity == "all" else int(maturity)


def _id_in_key(key: bytes | None) -> str:
    if key is None:
        raise InvalidEvent(Reason.KEY_MISMATCH, "the record has no key")
    try:
        name = key.decode()
    except UnicodeDecodeError:
        raise InvalidEvent(Reason.KEY_MISMATCH, "the key is not UTF-8") from None
    if not 1 <= len(name) <= MAX_ID_LENGTH:
        raise InvalidEvent(Reason.OUT_OF_RANGE, f"the key has {len(name)} characters, 1-{MAX_ID_LENGTH} are allowed")
    refuse_nul(name, "the key")
    return name


def _required_id(raw: WireId | None, field: str) -> str:
    if raw is None:
        raise InvalidEvent(Reason.MISSING_FIELD, field)
    return id_of(raw, field)


def _require_key(name: str, raw: WireId | None, field: str) -> None:
    if raw is not None and id_of(raw, field) != name:
        raise InvalidEvent(Reason.KEY_MISMATCH, f"{field} is not the record key")


def _seed_item(raw: WireId) -> str:
    item_id = id_of(raw, "seed_items")
    refuse_nul(item_id, "seed_items")
    return item_id


def _maturity(raw: WireMaturity | None, default: Maturity) -> Maturity:
    return default if raw is None else cast("Maturity", str(raw))


def _optional_moment(raw: WireMoment | None, field: str) -> int | None:
    return None if raw is None else moment_of(raw, field)
