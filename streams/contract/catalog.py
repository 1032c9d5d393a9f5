"""The two compacted topics that producers own: `catalog.items` and `users.profiles`.

Both are flat JSON keyed by id; a null value removes the item or profile. An absent or null field takes its default.
Parsing is pure: the same record always gives the same result.
"""

from typing import Annotated, Any, Final, Literal, cast

import msgspec

from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.wire import (
    WireCountry,
    WireId,
    WireMoment,
    decode,
    id_of,
    moment_of,
    refuse_unreadable,
    upper_country,
)

__all__ = [
    "DEFAULT_MATURITY",
    "KIDS_MAX_AGE",
    "MATURITIES",
    "UNRATED_AGE",
    "CatalogItem",
    "Maturity",
    "UserProfile",
    "item_age",
    "item_id_in",
    "key_id",
    "language_tag",
    "maturity_age",
    "parse_catalog_item",
    "parse_profile",
    "primary_language",
    "renamed_profile",
    "user_id_in",
    "viewer_age",
]

Maturity = Literal["all", "7", "12", "16", "18"]
MATURITIES: Final[tuple[Maturity, ...]] = ("all", "7", "12", "16", "18")
DEFAULT_MATURITY: Final[Maturity] = "16"
UNRATED_AGE: Final = 16
KIDS_MAX_AGE: Final = 7


class CatalogItem(msgspec.Struct, frozen=True):
    """One item of the catalogue.

    `duration_s` is 0 or more; times are milliseconds since the epoch (negative before 1970); `maturity` None = nobody
    rated it; `regions` are upper-case country codes, none = everywhere; `available_from_ms` is inclusive,
    `available_until_ms` exclusive, None = no bound; `titles` are those in other languages, by `language_tag`.
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
    maturity: Maturity | None = None
    regions: tuple[str, ...] = ()
    released_at_ms: int | None = None
    thumbnail_url: str | None = None
    item_type: str | None = None
    available_from_ms: int | None = None
    available_until_ms: int | None = None
    attributes: dict[str, Any] = {}
    titles: dict[str, str] = {}


class UserProfile(msgspec.Struct, frozen=True):
    """What a user told us. `country` is upper case, `maturity_max` the highest rating to show (None = not said),
    `seed_items` the items picked while onboarding, in the order picked."""

    user_id: str
    country: str | None = None
    language: str | None = None
    timezone: str | None = None
    age_group: str | None = None
    favorite_genres: tuple[str, ...] = ()
    disliked_genres: tuple[str, ...] = ()
    seed_items: tuple[str, ...] = ()
    maturity_max: Maturity | None = None
    kids: bool = False
    created_at_ms: int | None = None


#: How many of each a record may hold: whatever lists are made of goes through all of them, each time.
MOST_GENRES: Final = msgspec.Meta(max_length=100)
MOST_PEOPLE: Final = msgspec.Meta(max_length=1_000)
MOST_REGIONS: Final = msgspec.Meta(max_length=300)
MOST_ATTRIBUTES: Final = msgspec.Meta(max_length=200)
MOST_TITLES: Final = msgspec.Meta(max_length=100)
MOST_SAID: Final = msgspec.Meta(max_length=1_000)

WireMaturity = Literal["all", "7", "12", "16", "18", 7, 12, 16, 18]


class WireItem(msgspec.Struct):
    """A catalogue item as producers write it: null and "" mean absent, unknown fields are skipped."""

    item_id: WireId | None = None
    title: str | None = None
    description: str | None = None
    genres: Annotated[tuple[str, ...], MOST_GENRES] | None = None
    cast: Annotated[tuple[str, ...], MOST_PEOPLE] | None = None
    director: str | None = None
    year: Annotated[int, msgspec.Meta(ge=0, le=9999)] | None = None
    language: str | None = None
    duration_s: Annotated[float, msgspec.Meta(ge=0, le=10**9)] | None = None
    maturity: WireMaturity | None = None
    regions: Annotated[tuple[WireCountry, ...], MOST_REGIONS] | None = None
    released_at: WireMoment | None = None
    thumbnail_url: str | None = None
    item_type: str | None = None
    available_from: WireMoment | None = None
    available_until: WireMoment | None = None
    attributes: Annotated[dict[str, Any], MOST_ATTRIBUTES] | None = None
    titles: Annotated[dict[str, str], MOST_TITLES] | None = None


class WireProfile(msgspec.Struct):
    """A profile as producers write it: null and "" mean absent, unknown fields are skipped."""

    user_id: WireId | None = None
    country: WireCountry | None = None
    language: str | None = None
    timezone: str | None = None
    age_group: str | None = None
    favorite_genres: Annotated[tuple[str, ...], MOST_SAID] | None = None
    disliked_genres: Annotated[tuple[str, ...], MOST_SAID] | None = None
    seed_items: Annotated[tuple[WireId, ...], MOST_SAID] | None = None
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
    item_id = key_id(key)
    if value is None:
        return None
    wire = decode(_ITEM_DECODER, value)
    require_key(item_id, wire.item_id, "item_id")
    return CatalogItem(
        item_id=item_id,
        title=wire.title or "",
        description=wire.description or "",
        genres=wire.genres or (),
        cast=wire.cast or (),
        director=wire.director or None,
        year=wire.year,
        language=wire.language or None,
        duration_s=wire.duration_s,
        maturity=_maturity(wire.maturity),
        regions=tuple(upper_country(region, "regions") for region in wire.regions or ()),
        released_at_ms=_optional_moment(wire.released_at, "released_at"),
        thumbnail_url=wire.thumbnail_url or None,
        item_type=wire.item_type or None,
        available_from_ms=_optional_moment(wire.available_from, "available_from"),
        available_until_ms=_optional_moment(wire.available_until, "available_until"),
        attributes=wire.attributes or {},
        titles={language_tag(tag): title for tag, title in (wire.titles or {}).items() if tag and title},
    )


def parse_profile(key: bytes | None, value: bytes | None) -> UserProfile | None:
    """The profile in a record of `users.profiles`, or None when the record removes the profile its key names.

    Raises `InvalidEvent` as `parse_catalog_item` does.

    >>> parse_profile(b"7", b'{"user_id": 7, "country": "de", "maturity_max": 12}').country
    'DE'
    """
    user_id = key_id(key)
    if value is None:
        return None
    wire = decode(_PROFILE_DECODER, value)
    require_key(user_id, wire.user_id, "user_id")
    return UserProfile(
        user_id=user_id,
        country=None if wire.country is None else upper_country(wire.country, "country"),
        language=wire.language or None,
        timezone=wire.timezone or None,
        age_group=wire.age_group or None,
        favorite_genres=wire.favorite_genres or (),
        disliked_genres=wire.disliked_genres or (),
        seed_items=tuple(_seed_item(item) for item in wire.seed_items or ()),
        maturity_max=_maturity(wire.maturity_max),
        kids=bool(wire.kids),
        created_at_ms=_optional_moment(wire.created_at, "created_at"),
    )


def renamed_profile(value: bytes, user_id: str) -> bytes:
    """A valid profile record under another id, with the fields that are known and no others.

    >>> renamed_profile(b'{"user_id": "u1", "kids": true, "ignored": 1e999}', "u2")
    b'{"user_id":"u2","kids":true}'
    """
    wire = decode(_PROFILE_DECODER, value)
    wire.user_id = user_id
    return msgspec.json.encode({name: said for name, said in msgspec.structs.asdict(wire).items() if said is not None})


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


def item_age(maturity: Maturity | None) -> int:
    """The youngest age in years that is shown an item of this rating. What nobody rated is not for children, nor for
    anybody else who is kept from what is for 16: an unrated film may be any film.

    >>> item_age("12"), item_age(None)
    (12, 16)
    """
    return UNRATED_AGE if maturity is None else maturity_age(maturity)


def viewer_age(profile: "UserProfile | None", default: Maturity) -> int:
    """Up to which age a user is shown items. Whoever does not say gets the default.

    >>> viewer_age(None, "16"), viewer_age(UserProfile("u"), "12")
    (16, 12)
    >>> viewer_age(UserProfile("u", maturity_max="18"), "16")
    18
    >>> viewer_age(UserProfile("u", maturity_max="18", kids=True), "16")
    7
    """
    said = profile.maturity_max if profile is not None else None
    age = maturity_age(default if said is None else said)
    return min(age, KIDS_MAX_AGE) if profile is not None and profile.kids else age


def language_tag(language: str) -> str:
    """One form of a tag: `pt-br` of `pt-BR` and `pt_BR`."""
    return language.lower().replace("_", "-")


def primary_language(language: str) -> str:
    """`de` of `de`, `DE`, `de-AT` and `de_AT`: who follows one follows the others."""
    return language_tag(language).partition("-")[0]


def key_id(key: bytes | None) -> str:
    """The id that a record's key names. Raises `InvalidEvent`."""
    if key is None:
        raise InvalidEvent(Reason.KEY_MISMATCH, "the record has no key")
    try:
        name = key.decode()
    except UnicodeDecodeError:
        raise InvalidEvent(Reason.KEY_MISMATCH, "the key is not UTF-8") from None
    refuse_unreadable(name, "the key")
    return name


def _required_id(raw: WireId | None, field: str) -> str:
    if raw is None:
        raise InvalidEvent(Reason.MISSING_FIELD, field)
    return id_of(raw, field)


def require_key(name: str, raw: WireId | None, field: str) -> None:
    """Raises `InvalidEvent` when a record says another id than the one its key names."""
    if raw is not None and id_of(raw, field) != name:
        raise InvalidEvent(Reason.KEY_MISMATCH, f"{field} is not the record key")


def _seed_item(raw: WireId) -> str:
    item_id = id_of(raw, "seed_items")
    refuse_unreadable(item_id, "seed_items")
    return item_id


def _maturity(raw: WireMaturity | None) -> Maturity | None:
    return None if raw is None else cast("Maturity", str(raw))


def _optional_moment(raw: WireMoment | None, field: str) -> int | None:
    return None if raw is None or raw == "" else moment_of(raw, field)
