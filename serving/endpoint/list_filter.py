"""Lists cut down to what an audience may see."""

from __future__ import annotations

from collections import OrderedDict
from functools import lru_cache
from typing import NamedTuple

import orjson

from serving.audience import Audience
from serving.eligibility import ALWAYS_MS, ViewingLimits, age_of, changes_ms, is_bounded
from serving.endpoint.blocked import Hidden, id_of
from serving.list_format import Prefix, cut_each, facts_each
from serving.seen_filter import item_hash

MAX_SPLIT = 512  # lists of 100 items, 25 KB each
MAX_SIFTED = 4096

#: An item: the JSON token of its id, and its fragment.
Item = tuple[bytes, bytes]


class _Split(NamedTuple):
    """A list in pieces. `value` keeps its identity from being used again."""

    value: bytes
    items: list[Item]
    facts: list[bytes]
    bounded: list[bytes]


class FilteredList(NamedTuple):
    """The items of a list that an audience may see until `until_ms`. `too_old`: some were left out because of the
    age."""

    value: bytes
    items: list[Item]
    too_old: bool
    until_ms: int


def split(value: bytes, prefix: Prefix) -> _Split:
    """Raises UnreadableList when the list ends too soon."""
    items = [(id_of(fragment), fragment) for fragment in cut_each(value, prefix)]
    facts = facts_each(value, prefix)
    return _Split(value, items, facts, list(filter(is_bounded, facts)))


def filter_list(pieces: _Split, limits: ViewingLimits, now_ms: int) -> FilteredList:
    """What `limits` allow at `now_ms`."""
    allow = limits.allow
    items = [item for item, facts in zip(pieces.items, pieces.facts, strict=True) if allow(facts, now_ms)]
    too_old = len(items) < len(pieces.items) and any(age_of(facts) > limits.age for facts in pieces.facts)
    until_ms = min((changes_ms(facts, now_ms) for facts in pieces.bounded), default=ALWAYS_MS)
    return FilteredList(pieces.value, items, too_old, until_ms)


class ListFilter:
    """Remembers what was sifted of shared lists: few lists, few audiences, many readers."""

    def __init__(self) -> None:
        self._split: OrderedDict[int, _Split] = OrderedDict()
        self._filtered: OrderedDict[tuple[int, ViewingLimits], FilteredList] = OrderedDict()

    def filter_list(self, value: bytes, prefix: Prefix, limits: ViewingLimits, now_ms: int) -> FilteredList:
        """What `limits` allow of a shared list at `now_ms`. Raises UnreadableList when it ends too soon."""
        key = (id(value), limits)
        known = self._filtered.get(key)
        if known is not None and known.value is value and now_ms < known.until_ms:
            return known
        found = self._filtered[key] = filter_list(self._pieces(value, prefix), limits, now_ms)
        self._filtered.move_to_end(key)
        if len(self._filtered) > MAX_SIFTED:
            self._filtered.popitem(last=False)
        return found

    def _pieces(self, value: bytes, prefix: Prefix) -> _Split:
        known = self._split.get(id(value))
        if known is None or known.value is not value:
            known = self._split[id(value)] = split(value, prefix)
            if len(self._split) > MAX_SPLIT:
                self._split.popitem(last=False)
        return known


def left(
    items: list[Item], hidden: Hidden, limits: ViewingLimits, at_ms: int, audience: Audience | None = None
) -> list[Item]:
    """Without what is hidden from whoever has these limits, and what the audience has met."""
    if hidden.named:
        items = [item for item in items if not hidden.hides(item[0], limits, at_ms)]
    if audience is not None and audience.seen[0]:
        has_met = audience.has_met
        items = [item for item in items if not has_met(_hash(item[0]))]
    return items


def joined(items: list[Item], offset: int, limit: int) -> bytes:
    """The fragments of a cut, as they stand in an answer."""
    return b",".join([fragment for _, fragment in items[offset : offset + limit]])


@lru_cache(maxsize=100_000)
def _hash(token: bytes) -> int:
    return item_hash(orjson.loads(token)) if token else 0
