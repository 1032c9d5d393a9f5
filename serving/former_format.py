"""Lists of the former format version, until the last of them is written again or gone.

Behind the header, which is as in `serving.list_format`:

    count * u32        running sums of fragment lengths, big-endian
    as the sums say    fragments joined with ","
    the rest           facts of each item, one a line, each behind "\\n"

The sums do not count the commas: fragment i lies at [sum[i-1] + i, sum[i] + i).
"""

from __future__ import annotations

import re
import struct
from typing import NamedTuple

import orjson

from serving.list_format import PREFIX_BYTES, Prefix, UnreadableList
from serving.seen_filter import item_hash

_ITEM_ID = re.compile(rb'\{"item_id":("(?:[^"\\]|\\.)*")')


class FormerItem(NamedTuple):
    """An item's key, its finished fragment, and the facts that held when the list was made, b"" = not said."""

    key: int
    fragment: bytes
    facts: bytes


def read_former(value: bytes, prefix: Prefix) -> list[FormerItem]:
    """All items of a list. Raises UnreadableList when it ends too soon."""
    table, count = PREFIX_BYTES + prefix.header_bytes, prefix.items
    start = table + 4 * count
    if len(value) < start:
        raise UnreadableList("the value ends inside its table")
    fragments = []
    for index, total in enumerate(struct.unpack_from(f">{count}I", value, table)):
        end = table + 4 * count + total + index
        if end > len(value) or end < start:
            raise UnreadableList("the table points outside of the items")
        fragments.append(value[start:end])
        start = end + 1
    told = value[start - 1 if count else start :].split(b"\n")[1:]
    facts = told if len(told) == count else [b""] * count
    return [FormerItem(_key_of(fragment), fragment, said) for fragment, said in zip(fragments, facts, strict=True)]


def _key_of(fragment: bytes) -> int:
    found = _ITEM_ID.match(fragment)
    if found is None:
        raise UnreadableList("a fragment names no item")
    return item_hash(orjson.loads(found[1]))
