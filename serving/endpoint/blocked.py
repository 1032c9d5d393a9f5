"""Items that no answer may show, or not to everybody who has them on a list; and lists without them.

Both are known by the JSON tokens of the ids, so that a list is checked by one regular expression over its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from typing import Final

import orjson

from serving.eligibility import ViewingLimits
from serving.list_format import Prefix, cut, cut_each

_ITEM_ID = re.compile(rb'\{"item_id":("(?:[^"\\]|\\.)*")')


class Hidden:
    """What holds of items now, whatever lists say that were made before: `blocked` ones are for nobody, `restated` ones
    for whom their facts allow. `named` are both."""

    __slots__ = ("blocked", "named", "restated")

    def __init__(self, blocked: Iterable[bytes] = (), restated: Mapping[bytes, bytes] | None = None) -> None:
        """Takes ids as Redis holds them."""
        self.blocked = tokens_of(blocked)
        self.restated = {token_of(item_id): facts for item_id, facts in (restated or {}).items()}
        self.named = self.blocked | self.restated.keys()

    def hides(self, token: bytes, limits: ViewingLimits, at_ms: int) -> bool:
        """Whether whoever has these limits may not be shown the item, as far as it is named here."""
        if token not in self.named:
            return False
        return token in self.blocked or not limits.allow(self.restated[token], at_ms)


def tokens_of(item_ids: Iterable[bytes]) -> frozenset[bytes]:
    """The ids as they stand in a list."""
    return frozenset(map(token_of, item_ids))


def token_of(item_id: bytes) -> bytes:
    """The id as it stands in a list. What is not UTF-8 cannot stand in one and is left out."""
    return orjson.dumps(item_id.decode("utf-8", "ignore"))


def ids_in(items: bytes) -> list[bytes]:
    """The id tokens of joined fragments, in order. A title cannot fake one: its quotes are escaped."""
    return _ITEM_ID.findall(items)


def id_of(fragment: bytes) -> bytes:
    """The id token of one fragment; empty when it has none."""
    found = _ITEM_ID.match(fragment)
    return found[1] if found else b""


def cut_without(
    value: bytes, prefix: Prefix, offset: int, limit: int, hidden: Hidden, limits: ViewingLimits, at_ms: int
) -> bytes:
    """`list_format.cut` of the list that remains when items are taken out that whoever has these limits may not be
    shown.

    Usually nothing is hidden up to the end of the cut, which costs one look at those items and no rebuilding.
    """
    head = cut(value, prefix, 0, offset + limit)
    if hidden.named.isdisjoint(ids_in(head)):
        return cut(value, prefix, offset, limit) if offset else head
    kept = [fragment for fragment in cut_each(value, prefix) if not hidden.hides(id_of(fragment), limits, at_ms)]
    return b",".join(kept[offset : offset + limit])


NOTHING: Final = Hidden()
