"""What holds of a catalogue item or profile that cannot be read as the contract says: the strictest that it may mean.

Both topics are compacted. A refused record has replaced the one before it, so that a process that starts later knows
only the refused one. Ignoring it would lift a restriction that somebody set: a child whose profile says `"kids":"true"`
would be shown what is for adults. So whoever follows the topics reads

* of a profile each field by itself: what cannot be read restricts most where it restricts, else is left out;
* of an item the same, where nothing is stricter than to withdraw it: an item whose countries, languages, genres or time
  of availability cannot be read is shown to nobody until it is mended, one whose rating cannot be read to adults.

`parse_profile` and `parse_catalog_item` still refuse all of these: the record is reported, with their reason.
"""

from collections.abc import Callable
from typing import Any, Final, NamedTuple

import msgspec

from streams.contract.catalog import (
    MATURITIES,
    CatalogItem,
    UserProfile,
    key_id,
    parse_catalog_item,
    parse_profile,
)
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.wire import members_of

#: Disliked by whoever says something unreadable about the genres they dislike: stands for every genre.
ANY_GENRE: Final = "*"
#: The language of whoever says something unreadable about theirs: what names its languages does not name this one.
NO_LANGUAGE: Final = "zxx"
_STRICTEST: Final[dict[str, Any]] = {
    "kids": True,
    "maturity_max": "all",
    "disliked_genres": [ANY_GENRE],
    "language": NO_LANGUAGE,
}
_RATED_HIGHEST: Final = MATURITIES[-1]
#: Fields of an item that keep it from nobody.
_HARMLESS: Final = frozenset(
    {
        "title",
        "titles",
        "description",
        "cast",
        "director",
        "year",
        "language",
        "duration_s",
        "released_at",
        "thumbnail_url",
        "item_type",
    }
)


class ReadProfile(NamedTuple):
    """Whose profile it is (None: the key names nobody), the value that holds of them (None: removed), which
    `parse_profile` accepts, and what is wrong with the record."""

    user_id: str | None
    value: bytes | None
    problem: InvalidEvent | None

    @property
    def profile(self) -> UserProfile | None:
        """What holds of the user."""
        return None if self.user_id is None else parse_profile(self.user_id.encode(), self.value)


class ReadItem(NamedTuple):
    """Which item it is (None: the key names none), what holds of it (None: withdrawn), and what is wrong with the
    record."""

    item_id: str | None
    item: CatalogItem | None
    problem: InvalidEvent | None


def read_profile(key: bytes | None, value: bytes | None) -> ReadProfile:
    """What holds of a record of `users.profiles`, whatever is in it.

    >>> read = read_profile(b"child", b'{"kids": "true", "country": "DE"}')
    >>> read.profile.kids, read.profile.country, str(read.problem)
    (True, 'DE', 'wrong_type: Expected `bool | null`, got `str` - at `$.kids`')
    >>> read_profile(b"teen", b'{"maturity_max": 12.0}').profile.maturity_max
    '12'
    >>> read_profile(b"u", b"nonsense").profile.kids
    True
    """
    try:
        user_id = key_id(key)
    except InvalidEvent as problem:
        return ReadProfile(None, None, problem)
    try:
        parse_profile(key, value)
    except InvalidEvent as problem:
        return ReadProfile(user_id, msgspec.json.encode(_strictest(user_id.encode(), members_of(value))), problem)
    return ReadProfile(user_id, value, None)


def strictest_profile(user_id: str) -> UserProfile:
    """The profile of somebody of whose profile nothing can be read.

    >>> strictest_profile("u").kids
    True
    """
    profile = parse_profile(user_id.encode(), msgspec.json.encode(_STRICTEST))
    assert profile is not None
    return profile


def read_catalog_item(key: bytes | None, value: bytes | None) -> ReadItem:
    """What holds of a record of `catalog.items`, whatever is in it.

    >>> read_catalog_item(b"film", b'{"title": "A", "maturity": "R"}').item.maturity
    '18'
    >>> read_catalog_item(b"film", b'{"title": "A", "regions": "DE"}').item is None
    True
    >>> read_catalog_item(b"film", b'{"title": "A", "year": "MCMXX"}').item.title
    'A'
    """
    try:
        item_id = key_id(key)
    except InvalidEvent as problem:
        return ReadItem(None, None, problem)
    try:
        item = parse_catalog_item(key, value)
        return ReadItem(item_id, item, None if item is None else _languages_problem(item))
    except InvalidEvent as problem:
        return ReadItem(item_id, _shown_to_fewest(item_id.encode(), members_of(value)), problem)


def _shown_to_fewest(key: bytes, members: dict[str, Any]) -> CatalogItem | None:
    kept = {}
    for name, member in members.items():
        if _allowed(parse_catalog_item, key, {name: member}):
            kept[name] = member
        elif name == "maturity":
            kept[name] = MATURITIES[-1]
        elif name not in _HARMLESS:
            return None
    if not kept or not _allowed(parse_catalog_item, key, kept):
        return None
    return parse_catalog_item(key, msgspec.json.encode(kept))


def _languages_problem(item: CatalogItem) -> InvalidEvent | None:
    """Attributes are free-form, but these restrict who is shown the item (`tables.item_catalog`)."""
    named = item.attributes.get("languages")
    if named is None or (isinstance(named, list) and all(isinstance(name, str) for name in named)):
        return None
    return InvalidEvent(Reason.WRONG_TYPE, "attributes.languages must be a list of texts")


def _strictest(key: bytes, members: dict[str, Any]) -> dict[str, Any]:
    """Each member that the contract allows, and the strictest in the place of the others."""
    if not members or not _allowed(parse_profile, key, {"user_id": members.get("user_id")}):
        return _STRICTEST  # nothing can be read, or it speaks of somebody else
    kept = {}
    for name, member in members.items():
        said = [member] if name == "disliked_genres" and isinstance(member, str) else member
        if _allowed(parse_profile, key, {name: said}):
            kept[name] = said
        elif name in _STRICTEST:
            kept[name] = _STRICTEST[name]
    return kept if _allowed(parse_profile, key, kept) else _STRICTEST


def _allowed(parse: Callable[[bytes, bytes], object], key: bytes, members: dict[str, Any]) -> bool:
    try:
        parse(key, msgspec.json.encode(members))
    except InvalidEvent:
        return False
    return True
