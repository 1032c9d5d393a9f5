"""Lists that belong to nobody, cut down to what one reader may see."""

from __future__ import annotations

import time
from dataclasses import dataclass
from functools import partial
from typing import NamedTuple, Protocol
from zlib import crc32

from serving.audience import Audience
from serving.eligibility import ViewingLimits
from serving.endpoint.list_filter import Item, ListFilter, left
from serving.endpoint.shared_lists import SharedListCache
from serving.endpoint.versions import LiveVersions, Version
from serving.keys import GLOBAL_REGION, HOMEPAGE
from serving.list_format import NOTHING, ListStamp, Prefix, UnreadableList, read_prefix
from streams.contract.catalog import MATURITIES, maturity_age


class FoundList(NamedTuple):
    """A list, perhaps only its start, and the version that made it."""

    value: bytes
    prefix: Prefix
    version: Version


#: A list, and the items of it that may be shown.
Supplied = tuple[FoundList, list[Item]]


class SharedListKey(Protocol):
    """The key of a list of items up to a maturity; "" = of all items."""

    def __call__(self, *, maturity: str = "") -> str: ...


@dataclass(frozen=True, slots=True)
class ListReader:
    """Whom an answer is for: what they may see at `at_ms`, and what they have met when that is known. Of each list
    `wanted` items are needed."""

    limits: ViewingLimits
    audience: Audience | None
    at_ms: int
    wanted: int

    @property
    def name(self) -> bytes:
        """Tells answers for different readers apart."""
        seen = 0 if self.audience is None else crc32(self.audience.seen[1])
        return b"%b%x" % (self.limits.name, seen)


_MATURITY_OF = {maturity_age(maturity): maturity for maturity in MATURITIES}


class Supply:
    """Reads shared lists from memory and leaves out what the reader may not see or has met."""

    def __init__(self, shared: SharedListCache, versions: LiveVersions) -> None:
        self._shared = shared
        self._versions = versions
        self._list_filter = ListFilter()

    async def popular(self, version: Version, context: str, country: str, reader: ListReader) -> Supplied:
        """What everyone gets: the country's list, everywhere's, another version's, the first of them that has something
        for the reader, else an empty one. A context without any shows the homepage's."""
        empty: Supplied | None = None
        for candidate in (version, *self._versions.others(version)):
            contexts = dict.fromkeys((context, HOMEPAGE))
            for place in dict.fromkeys((country, "")):
                for name in contexts:
                    shown = await self._cut(candidate, partial(candidate.keys.popular, name, place), reader)
                    if shown is not None and shown[1]:
                        return shown
                    empty = empty or shown
        return empty or (empty_popular(version), [])

    async def trending(
        self, first: Version, region: str, window: str, category: str, reader: ListReader
    ) -> tuple[str, Supplied | None]:
        """The trending list of a region, else of everywhere ("*"), and which; None when no version has one."""
        for version in (first, *self._versions.others(first)):
            for place in dict.fromkeys((region, GLOBAL_REGION)):
                shown = await self._cut(version, partial(version.keys.trending_list, place, window, category), reader)
                if shown is not None:
                    return place, shown
        return region, None

    async def trending_in(self, version: Version, place: str, window: str, reader: ListReader) -> Supplied | None:
        """The trending list of one place in one version."""
        return await self._cut(version, partial(version.keys.trending_list, place, window), reader)

    async def row(self, version: Version, row: str, segments: tuple[str, ...], reader: ListReader) -> Supplied | None:
        """A shared row of a version's homepages, of the first of the segments that has one; empty names are passed
        over."""
        for segment in filter(None, segments):
            shown = await self._cut(version, partial(version.keys.row, row, segment), reader)
            if shown is not None:
                return shown
        return None

    async def _cut(self, version: Version, key_of: SharedListKey, reader: ListReader) -> Supplied | None:
        """What the reader may see of a list and, where their age leaves too little of it, of the same list of items for
        their age."""
        held = await self._shared.get(key_of().encode())
        if held is None:
            return None
        try:
            found, items, too_old = await self._filtered(version, held, reader)
        except UnreadableList:
            return None
        maturity = _MATURITY_OF.get(reader.limits.age)
        if too_old and len(items) < reader.wanted and maturity is not None:
            held = await self._shared.get(key_of(maturity=maturity).encode())
            if held is not None:
                other, more, _ = await self._filtered(version, held, reader)
                if len(more) > len(items):
                    return other, more
        return found, items

    async def _filtered(
        self, version: Version, held: tuple[bytes, Prefix], reader: ListReader
    ) -> tuple[FoundList, list[Item], bool]:
        filtered = await self._list_filter.filter_list(*held, version.cards, reader.limits, reader.at_ms)
        return FoundList(*held, version), left(filtered.items, reader.audience), filtered.too_old


def empty_popular(version: Version) -> FoundList:
    """The last resort of a process that has never seen a popular list."""
    now_ms = time.time_ns() // 1_000_000
    value = ListStamp(version.keys.version, "popular", 0, now_ms, now_ms).shared(NOTHING)
    return FoundList(value, read_prefix(value), version)
