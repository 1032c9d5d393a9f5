"""What a page shows of an item beside its title: part of its card (serving/item_card.py), and what it is found by.

One JSON object, absent what is not known. It holds MAX_BYTES at most, so that reading many cards stays cheap: people
beyond the bound of their number, and then attributes, people, titles in other languages and genres, are left out whole.
"""

from __future__ import annotations

from itertools import islice
from typing import Any, Final

import msgspec

from streams.contract.catalog import CatalogItem, primary_language

MAX_BYTES: Final = 2048
MAX_PEOPLE: Final = 20
MAX_GENRES: Final = 20
MAX_TITLES: Final = 30
MAX_TEXT: Final = 512
NOTHING: Final = b""


class ItemDetails(msgspec.Struct, frozen=True, omit_defaults=True):
    """`duration_s` is seconds, `released_at_ms` milliseconds since the epoch; `people` are the director, then the cast;
    values of `attributes` are texts, numbers, truths and lists of these; `titles` are by language."""

    thumbnail_url: str | None = None
    item_type: str | None = None
    genres: tuple[str, ...] = ()
    duration_s: float | None = None
    released_at_ms: int | None = None
    year: int | None = None
    language: str | None = None
    maturity: str | None = None
    people: tuple[str, ...] = ()
    attributes: dict[str, Any] = {}
    titles: dict[str, str] = {}

    def title_in(self, tag: str) -> str | None:
        """The title in a language by its `language_tag`, else in what the tag begins with, else in another form of
        it; None = there is none.

        >>> titles = ItemDetails(titles={"de": "Der Pate", "pt-br": "O Poderoso Chefão"})
        >>> titles.title_in("de-at"), titles.title_in("pt"), titles.title_in("fr")
        ('Der Pate', 'O Poderoso Chefão', None)
        """
        primary = primary_language(tag)
        alike = (title for other, title in self.titles.items() if primary_language(other) == primary)
        return self.titles.get(tag) or self.titles.get(primary) or next(alike, None)


_ENCODER: Final = msgspec.json.Encoder()
_DECODER: Final = msgspec.json.Decoder(ItemDetails)


def encode_details(item: CatalogItem) -> bytes:
    """The details of a catalogue item; b"" when there are none.

    >>> encode_details(CatalogItem("i", title="Alien", genres=("Horror",), director="R. Scott"))
    b'{"genres":["Horror"],"people":["R. Scott"]}'
    """
    people = dict.fromkeys((*((item.director,) if item.director else ()), *item.cast))
    made = ItemDetails(
        item.thumbnail_url if item.thumbnail_url and len(item.thumbnail_url) <= MAX_TEXT else None,
        _short(item.item_type),
        tuple(genre[:MAX_TEXT] for genre in item.genres[:MAX_GENRES]),
        item.duration_s,
        item.released_at_ms,
        item.year,
        _short(item.language),
        item.maturity,
        tuple(name[:MAX_TEXT] for name in list(people)[:MAX_PEOPLE]),
        plain_attributes(item),
        {tag: title[:MAX_TEXT] for tag, title in islice(sorted(item.titles.items()), MAX_TITLES)},
    )
    value = _ENCODER.encode(made)
    for given_up in _GIVEN_UP:
        if len(value) <= MAX_BYTES:
            break
        made = msgspec.structs.replace(made, **given_up)
        value = _ENCODER.encode(made)
    return NOTHING if value == b"{}" else value


def decode_details(value: bytes) -> ItemDetails:
    """The other way; what cannot be read says nothing.

    >>> decode_details(b'{"genres":["Horror"]}').genres, decode_details(b"").genres
    (('Horror',), ())
    """
    if not value:
        return _NONE
    try:
        return _DECODER.decode(value)
    except msgspec.MsgspecError:
        return _NONE


_NONE: Final = ItemDetails()
#: What is left out of details that are too long, one after another.
_GIVEN_UP: Final[tuple[dict[str, Any], ...]] = ({"attributes": {}}, {"people": ()}, {"titles": {}}, {"genres": ()})


def plain_attributes(item: CatalogItem) -> dict[str, Any]:
    """The attributes that can be told, however long."""
    return {name: value for name, value in item.attributes.items() if _is_plain(value)}


def values_of(said: Any) -> list[str]:
    """What an attribute is asked for by: each of its values, as text.

    >>> values_of(["a", 5, True]), values_of(None)
    (['a', '5', 'true'], [])
    """
    if isinstance(said, list):
        return [value for one in said for value in values_of(one)]
    if isinstance(said, bool):
        return ["true" if said else "false"]
    return [] if said is None else [str(said)]


def _short(text: str | None) -> str | None:
    return text[:MAX_TEXT] if text else None


def _is_plain(value: Any) -> bool:
    return all(map(_is_one, value)) if isinstance(value, list) else _is_one(value)


def _is_one(value: Any) -> bool:
    """Whole numbers of 64 bits at most: many readers of JSON know no others."""
    return _LEAST <= value <= _MOST if isinstance(value, int) else isinstance(value, str | float)


_LEAST: Final = -(2**63)
_MOST: Final = 2**64 - 1
