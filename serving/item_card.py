"""The card of an item: what answers say of it and who may be shown it, once in Redis and not in every list.

Lists name items by 64-bit keys (`tables/item_keys.py`); `cards:{version}` is a hash from key to card:

    <restated_ms> <facts, as in serving/eligibility.py>\\n{"item_id":…,"title":…}\\n<details>

`restated_ms` is when the facts last changed, ms since the epoch, 0 = not since the card was first written. Empty facts
are of an item that nobody may be shown: a card is never removed, so that a reason can still cite its title. The details
(streams/contract/item_details.py), with the line break before them, are left out where there are none.
"""

from __future__ import annotations

from typing import NamedTuple

import orjson

KEY_BYTES = 8
NOBODYS = b""


class ItemCard(NamedTuple):
    """A card; `shown` is a JSON object, the beginning of every fragment about the item, `details` one of what answers
    say of it when they are asked for more."""

    restated_ms: int
    facts: bytes
    shown: bytes
    details: bytes = b""

    @classmethod
    def of(cls, item_id: str, title: str, facts: bytes, restated_ms: int = 0, details: bytes = b"") -> ItemCard:
        """The card of an item."""
        shown = b'{"item_id":%b,"title":%b}' % (orjson.dumps(item_id), orjson.dumps(title))
        return cls(restated_ms, facts, shown, details)

    def encode(self) -> bytes:
        """As Redis holds it.

        >>> ItemCard.of("i1", "Alien", b"16 Ab3d", 17).encode()
        b'17 16 Ab3d\\n{"item_id":"i1","title":"Alien"}'
        """
        value = b"%d %b\n%b" % self[:3]
        return b"%b\n%b" % (value, self.details) if self.details else value

    @classmethod
    def decode(cls, value: bytes) -> ItemCard:
        """Raises ValueError when it is none.

        >>> ItemCard.decode(b'17 16 Ab3d\\n{"item_id":"i1","title":"Alien"}').facts
        b'16 Ab3d'
        """
        told, _, said = value.partition(b"\n")
        shown, _, details = said.partition(b"\n")
        restated_ms, _, facts = told.partition(b" ")
        if not shown.startswith(b'{"item_id":'):
            raise ValueError("no item card")
        return cls(int(restated_ms), facts, shown, details)

    @property
    def item_id(self) -> str:
        """The item's id."""
        return str(orjson.loads(self.shown)["item_id"])

    @property
    def title(self) -> str:
        """What the item is called; its id where the catalogue has no title."""
        return str(orjson.loads(self.shown)["title"])


def field_of(key: int) -> bytes:
    """The name of a key's field.

    >>> field_of(258)
    b'\\x02\\x01\\x00\\x00\\x00\\x00\\x00\\x00'
    """
    return key.to_bytes(KEY_BYTES, "little")


def key_in(field: bytes) -> int:
    """The other way."""
    return int.from_bytes(field, "little")
