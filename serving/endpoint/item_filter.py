"""What a request narrows a list to: parameters, and whether an item's card fits them.

An item of which the catalogue does not say what is asked for does not fit.
"""

from __future__ import annotations

import re
from typing import Any, Final, NamedTuple

from serving.endpoint.messages import Given
from serving.endpoint.parameters import Parameter, text
from streams.contract.catalog import primary_language
from streams.contract.item_details import ItemDetails, values_of

_NUMBER: Final = "[1-9][0-9]{0,6}"
_DAY: Final = "[0-9]{4}-[0-9]{2}-[0-9]{2}"
_ATTRIBUTE: Final = r"[A-Za-z0-9_-]{1,64}:[^\x00-\x1f\x7f-\x9f]{1,128}"
ITEM_TYPE: Final = text("item_type", "Only items of this type.", 64)
GENRE: Final = text("genre", "Only items of this genre.", 64)


def _shaped(name: str, description: str, pattern: str, allowed: str, longest: int) -> Parameter:
    schema = {"type": "string", "maxLength": longest, "pattern": f"^{pattern}$"}
    return Parameter(name, description, schema, allowed, pattern=re.compile(pattern), is_ascii=longest < _SHORT)


_SHORT: Final = 100
_TAG: Final = r"[A-Za-z0-9][A-Za-z0-9_-]{0,31}"
LANGUAGE: Final = _shaped(
    "language", "Only items in this language; de is de-AT too.", _TAG, "a language tag as de or de-AT", 32
)
MAX_DURATION: Final = _shaped("max_duration_s", "No longer than so many seconds.", _NUMBER, "1 to 9999999", 7)
RELEASED_AFTER: Final = _shaped("released_after", "Released after this day, UTC.", _DAY, "a day as 2026-01-31", 10)
ATTRIBUTE: Final = _shaped(
    "attribute",
    "Only items with this value of an attribute, or with it among the values.",
    _ATTRIBUTE,
    "NAME:VALUE",
    193,
)
_SAID: Final = rf"(?:true|{_TAG})"
CAPTIONS: Final = _shaped(
    "captions", "Only items with captions, or with captions in this language.", _SAID, "true, or a language tag", 32
)
AUDIO_DESCRIPTION: Final = _shaped(
    "audio_description",
    "Only items whose pictures are described, or are in this language.",
    _SAID,
    "true, or a language tag",
    32,
)
MOOD: Final = text("mood", "Only items of this mood, as the attribute moods or mood says it.", 64)
BOOST: Final = _shaped(
    "boost",
    "Moves items of a genre, type, language or attribute up within the list; nothing else is shown, and nothing less.",
    rf"(?:(?:genre|item_type):[^\x00-\x1f\x7f-\x9f]{{1,64}}|language:{_TAG}|attribute:{_ATTRIBUTE})",
    "genre:, item_type:, language: or attribute:NAME:, and a value",
    203,
)
FILTERS: Final = (
    *(ITEM_TYPE, GENRE, LANGUAGE, MAX_DURATION, RELEASED_AFTER, ATTRIBUTE),
    *(CAPTIONS, AUDIO_DESCRIPTION, MOOD),
)


class ItemFilter(NamedTuple):
    """What is asked for; "" and 0 = anything."""

    item_type: str = ""
    genre: str = ""
    language: str = ""
    max_duration_s: int = 0
    released_after: str = ""
    attribute: str = ""
    captions: str = ""
    audio_description: str = ""
    mood: str = ""

    @classmethod
    def of(cls, given: Given) -> ItemFilter:
        """What a request asks for."""
        return cls(
            given.get("item_type", "").casefold(),
            given.get("genre", "").casefold(),
            primary_language(given.get("language", "")),
            int(given.get("max_duration_s", 0)),
            given.get("released_after", ""),
            given.get("attribute", ""),
            primary_language(given.get("captions", "")),
            primary_language(given.get("audio_description", "")),
            given.get("mood", "").casefold(),
        )

    @classmethod
    def boosted(cls, boost: str) -> ItemFilter:
        """What `boost` says moves up.

        >>> ItemFilter.boosted("genre:War") == ItemFilter(genre="war")
        True
        """
        name, _, value = boost.partition(":")
        return cls.of({name: value})

    def fits(self, details: ItemDetails, released_on: str) -> bool:
        """Whether an item fits that was released on a day ("" = not known).

        >>> ItemFilter(genre="war", max_duration_s=60).fits(ItemDetails(genres=("War",), duration_s=60.0), "")
        True
        >>> ItemFilter(released_after="1999-12-31").fits(ItemDetails(), "1999-12-31")
        False
        """
        if self.item_type and (details.item_type or "").casefold() != self.item_type:
            return False
        if self.genre and self.genre not in map(str.casefold, details.genres):
            return False
        if self.language and (not details.language or primary_language(details.language) != self.language):
            return False
        if self.max_duration_s and (details.duration_s is None or details.duration_s > self.max_duration_s):
            return False
        if self.released_after and released_on <= self.released_after:
            return False
        attributes = details.attributes
        if self.captions and not _is_offered(attributes.get("captions"), self.captions):
            return False
        if self.audio_description and not _is_offered(attributes.get("audio_description"), self.audio_description):
            return False
        if self.mood:
            moods = *values_of(attributes.get("moods")), *values_of(attributes.get("mood"))
            if self.mood not in map(str.casefold, moods):
                return False
        if not self.attribute:
            return True
        name, _, value = self.attribute.partition(":")
        return value in values_of(attributes.get(name))


def _is_offered(said: Any, asked: str) -> bool:
    """Whether an attribute offers what is asked for: it is true, or languages. True alone names no language.

    >>> _is_offered(True, "true"), _is_offered(["de-AT", "en"], "de"), _is_offered(["de"], "true")
    (True, True, True)
    >>> _is_offered(True, "de"), _is_offered(False, "true"), _is_offered([], "true"), _is_offered(None, "true")
    (False, False, False, False)
    >>> _is_offered(0, "true"), _is_offered("none", "true"), _is_offered("no", "true"), _is_offered("true", "true")
    (False, False, True, True)
    """
    if said is True or not isinstance(said, str | list):
        return said is True and asked == "true"
    offered = {primary_language(value) for value in values_of(said)} - {"false", "none", ""}  # "no" is Norwegian
    return bool(offered) if asked == "true" else asked in offered
