"""Which details of an item an answer carries: the parameter `fields`, and the members that it makes of a card.

Answers say no more of an item than its title unless they are asked for more, so that a default answer stays as small
and as cheap as it was.
"""

from __future__ import annotations

import re
from datetime import UTC, datetime
from functools import lru_cache
from typing import Any, Final

import msgspec
import orjson

from serving.endpoint.messages import Given
from serving.endpoint.parameters import Parameter
from streams.contract.catalog import language_tag
from streams.contract.item_details import ItemDetails, decode_details

#: What may be asked for by one word; `card` is all but the last four.
CARD: Final = ("thumbnail_url", "item_type", "genres", "duration_s", "released_at")
WORDS: Final = (*CARD, "year", "language", "maturity", "people", "attributes", "content_id", "card")
_NAMED: Final = "attributes."
_ATTRIBUTE: Final = r"attributes\.[A-Za-z0-9_-]{1,64}"
_TITLE: Final = "title."
_WORD: Final = rf"(?:{'|'.join(WORDS)}|{_ATTRIBUTE}|title\.[A-Za-z0-9][A-Za-z0-9_-]{{0,31}})"
MAX_FIELDS_TEXT: Final = 256
_SCHEMA: Final = {"type": "string", "maxLength": MAX_FIELDS_TEXT, "pattern": f"^{_WORD}(?:,{_WORD})*$"}
FIELDS: Final = Parameter(
    "fields",
    "What items say beside id and title, with commas between: "
    f"{', '.join(WORDS[:-1])}, attributes.NAME, or card for the first five. What is not known of an item is absent. "
    "title.de says the title in a language, where the catalogue has it.",
    _SCHEMA,
    f"words with commas between, out of {', '.join(WORDS)}, attributes.NAME, title.LANGUAGE",
    pattern=re.compile(f"{_WORD}(?:,{_WORD})*"),
    is_ascii=True,
)
#: What an item's own page says without being asked.
EVERYTHING: Final = ",".join(WORDS[:-2])

Fields = tuple[str, ...]
_ENCODER: Final = msgspec.json.Encoder()  # also of whole numbers beyond 64 bits, which a card may hold


@lru_cache(maxsize=1024)
def fields_in(text: str) -> Fields:
    """The details that are asked for, each once, in one order whatever the order of the words.

    >>> fields_in("genres,card,attributes.mood")
    ('attributes.mood', 'duration_s', 'genres', 'item_type', 'released_at', 'thumbnail_url')
    """
    asked = set(text.split(","))
    if "card" in asked:
        asked = asked - {"card"} | set(CARD)
    return tuple(sorted(asked))


def asked_fields(given: Given) -> Fields:
    """What a request asks for; () = no more than titles."""
    text = given.get("fields")
    return fields_in(text) if text is not None else ()


def members(shown: bytes, details: bytes, fields: Fields) -> bytes:
    """The members of an item's object, each behind a comma. `shown` is what its card says, see serving/item_card.py.

    >>> members(b'{"item_id":"i","title":"T"}', b'{"genres":["War"],"attributes":{"mood":"dark"}}', ("genres",))
    b',"genres":["War"]'
    """
    known, said = decode_details(details), dict[str, Any]()
    named = [field.removeprefix(_NAMED) for field in fields if field.startswith(_NAMED)]
    for field in fields:
        if not field.startswith((_NAMED, _TITLE)):
            said[field] = _value(known, field, shown)
    if named and "attributes" not in fields:
        said["attributes"] = {name: known.attributes[name] for name in named if name in known.attributes}
    said = {field: value for field, value in said.items() if value not in (None, (), {})}
    return b"," + _ENCODER.encode(said)[1:-1] if said else b""


def titled(shown: bytes, details: bytes, fields: Fields) -> bytes:
    """What a card says of an item, with the title in the language that is asked for, where there is one.

    >>> titled(b'{"item_id":"i","title":"T"}', b'{"titles":{"de":"Titel"}}', ("title.de-AT",))
    b'{"item_id":"i","title":"Titel"}'
    """
    for field in fields:
        if field.startswith(_TITLE):
            title = decode_details(details).title_in(language_tag(field.removeprefix(_TITLE)))
            if title is not None:
                return orjson.dumps({**orjson.loads(shown), "title": title})
    return shown


def _value(known: ItemDetails, field: str, shown: bytes) -> Any:
    if field == "content_id":
        return orjson.loads(shown)["item_id"]
    if field == "released_at":
        return None if known.released_at_ms is None else _moment(known.released_at_ms)
    return getattr(known, field)


def _moment(time_ms: int) -> str:
    """Within the years 1 to 9999, which are always four digits."""
    return datetime.fromtimestamp(time_ms / 1000, UTC).isoformat(timespec="milliseconds").replace("+00:00", "Z")
