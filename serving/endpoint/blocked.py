"""Items that no answer may show, and lists without them.

The set is known as the JSON tokens of the ids, so that a list is checked by one regular expression over its bytes.
"""

from __future__ import annotations

import re
from collections.abc import Iterable

import orjson

from serving.list_format import Prefix, cut, cut_each

_ITEM_ID = re.compile(rb'\{"item_id":("(?:[^"\\]|\\.)*")')


def tokens_of(item_ids: Iterable[bytes]) -> frozenset[bytes]:
    """The ids as they stand in a list. Ids that are not UTF-8 cannot stand in one and are left out."""
    return frozenset(orjson.dumps(item_id.decode("utf-8", "ignore")) for item_id in item_ids)


def ids_in(items: bytes) -> list[bytes]:
    """The id tokens of joined fragments, in order. A title cannot fake one: its quotes are escaped."""
    return _ITEM_ID.findall(items)


def id_of(fragment: bytes) -> bytes:
    """The id token of one fragment; empty when it has none."""
    found = _ITEM_ID.match(fragment)
    return found[1] if found else b""


def cut_without(value: bytes, prefix: Prefix, offset: int, limit: int, blocked: frozenset[bytes]) -> bytes:
    """`list_format.cut` of the list that remains when blocked items are taken out.

    Usually nothing is blocked up to the end of the cut, which costs one look at those items and no rebuilding.
    """
    if not blocked:
        return cut(value, prefix, offset, limit)
    head = cut(value, prefix, 0, offset + limit)
    if blocked.isdisjoint(ids_in(head)):
        return cut(value, prefix, offset, limit) if offset else head
    kept = [fragment for fragment in cut_each(value, prefix) if id_of(fragment) not in blocked]
    return b",".join(kept[offset : offset + limit])
