"""Where answers come from: one read of the user's list, then the other versions', then what is in the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from typing import NamedTuple

import orjson

from serving import resp
from serving.endpoint.blocked import cut_without
from serving.endpoint.config import EndpointConfig
from serving.endpoint.shared_lists import SharedLists
from serving.endpoint.versions import LiveVersions, Version
from serving.keys import CONTEXTS, GLOBAL_REGION, HOMEPAGE, NEW_ROW, WINDOWS
from serving.list_format import PREFIX_BYTES, ListStamp, Prefix, UnreadableList, end_of, read_prefix
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

FIXED_BYTES = 1024  # prefix, header and table of a list of 100 items, with room
LEAST_ITEM_BYTES = 150
MOST_ITEM_BYTES = 1000
EASED = 0.99  # of the guess is left after each refresh, so that one list of long titles is not paid for for ever


_as_tuple = tuple.__new__  # half the time of calling a NamedTuple
_CONTEXT_TAILS = {context: b"}:%b" % context.encode() for context in CONTEXTS}


class Found(NamedTuple):
    """A list, perhaps only its start, and the version that made it."""

    value: bytes
    prefix: Prefix
    version: Version


#: A list and the joined items of it that were asked for, without blocked ones.
Cut = tuple[Found, bytes]


class Store:
    """Reads lists. No method raises because of Redis; `unavailable` and `unreadable` count what went wrong."""

    def __init__(self, config: EndpointConfig, link: RedisLink) -> None:
        self.link = link
        self.versions = LiveVersions(config.namespace, config.model_version, link)
        self.shared = SharedLists(link)
        self.stored_id = config.identities.of
        self.unavailable = 0
        self.unreadable = 0
        self.refreshed = False  # once: it holds every fallback list that there is
        self.countries: set[str] = set()  # that readers have named: there are 676 pairs of letters
        self._item_bytes: float = LEAST_ITEM_BYTES  # grows to what the lists at hand turn out to need

    async def refresh(self) -> None:
        """Brings the pointer, the blocked items and the shared lists up to date. Raises RedisUnavailable."""
        await self.versions.refresh()
        self._item_bytes = max(LEAST_ITEM_BYTES, self._item_bytes * EASED)
        await self.shared.refresh(self._fallbacks())
        self.refreshed = True

    def _fallbacks(self) -> list[bytes]:
        """What answers are made of while Redis is away, to be held before anybody needs it: then it is too late."""
        names = []
        for version in self.versions.all:
            keys = version.keys
            names += [keys.popular(), *(keys.popular(segment=country) for country in self.countries)]
            names += [keys.row(NEW_ROW, GLOBAL_REGION), *(keys.trending_list(GLOBAL_REGION, w) for w in WINDOWS)]
        return [name.encode() for name in names]

    def ask(self, version: Version, stored_id: str, context: str, end: int) -> asyncio.Future[bytes]:
        """Sends for the start of a user's list, as much of it as its first `end` items should need; b"" is no list.

        Raises RedisUnavailable. 20 of 100 items are 4 of 15 KB, which halves the cost of the read here and in Redis.
        """
        key = version.list_head + stored_id.encode() + _CONTEXT_TAILS[context]
        return self.link.send(resp.get_start(key, FIXED_BYTES + int(end * self._item_bytes)))

    def cut_start(self, value: bytes, version: Version, stored_id: str, offset: int, limit: int) -> Cut:
        """Out of what `ask` gave. Raises UnreadableList when it is absent, somebody else's or too short."""
        prefix = read_prefix(value)
        if not value.startswith(b'{"user_id":%b,' % orjson.dumps(stored_id), PREFIX_BYTES):
            raise UnreadableList("somebody else's")
        items = cut_without(value, prefix, offset, limit, version.blocked)
        return _as_tuple(Found, (value, prefix, version)), items

    async def user_cut(self, user_id: str, context: str, offset: int, limit: int, start: bytes = b"") -> Cut | None:
        """Out of the whole list, of any version; None as below. For when `start` (what `ask` gave) was of no use."""
        if not start and len(self.versions.all) == 1:
            return None
        found = await self.user_list(user_id, context)
        if found is None:
            return None
        try:
            needed = (end_of(found.value, found.prefix, offset + limit) + 1 - FIXED_BYTES) / (offset + limit)
            self._item_bytes = min(max(needed, self._item_bytes), MOST_ITEM_BYTES)
            return found, cut_without(found.value, found.prefix, offset, limit, found.version.blocked)
        except UnreadableList:
            self.unreadable += 1
            return None

    async def user_list(self, user_id: str, context: str, first: Version | None = None) -> Found | None:
        """The user's list from the `first` version (None: theirs), else from another one; None when there is none or
        Redis is away."""
        tail = b"%b}:%b" % (self.stored_id(user_id).encode(), context.encode())
        return await self._from_any(user_id, lambda version: version.list_head + tail, first)

    async def continue_list(self, user_id: str, first: Version | None = None) -> Found | None:
        """What the user has begun, from the `first` version (None: theirs), else from another one."""
        tail = self.stored_id(user_id).encode() + b"}"
        return await self._from_any(user_id, lambda version: version.continue_head + tail, first)

    async def _from_any(
        self, user_id: str, key_in: Callable[[Version], bytes], first: Version | None = None
    ) -> Found | None:
        first = first or self.versions.of(user_id)
        owner = b'{"user_id":%b,' % orjson.dumps(self.stored_id(user_id))
        for version in (first, *self.versions.others(first)):
            found = await self._read(key_in(version), version, owner)
            if found is not None:
                return found
        return None

    async def similar(self, item_id: str, first: Version) -> Found | None:
        """The neighbours of an item, from the `first` version, else from another one."""
        for version in (first, *self.versions.others(first)):
            found = await self._read(version.similar_head + item_id.encode() + b"}", version, b"")
            if found is not None:
                return found
        return None

    async def _read(self, key: bytes, version: Version, owner: bytes) -> Found | None:
        try:
            value = await self.link.get(key)
        except RedisUnavailable:
            self.unavailable += 1
            return None
        if value is None:
            return None
        try:
            prefix = read_prefix(value)
        except UnreadableList:
            self.unreadable += 1
            return None
        if owner and not value.startswith(owner, PREFIX_BYTES):
            # Somebody else's list: the replies are out of step. Nobody may see it, nor any reply after it.
            self.unreadable += 1
            self.link.reset()
            return None
        return Found(value, prefix, version)

    async def popular(self, version: Version, context: str, country: str) -> Found:
        """What everyone gets: the country's list, everywhere's, another version's, an empty one. A context without any
        shows the homepage's."""
        for candidate in (version, *self.versions.others(version)):
            keys = candidate.keys
            contexts = dict.fromkeys((context, HOMEPAGE))
            names = [keys.popular(name, country) for name in contexts] if country else []
            for name in names + [keys.popular(name) for name in contexts]:
                held = await self.shared.get(name.encode())
                if held is not None:
                    return Found(*held, candidate)
        return empty_popular(version)

    async def trending(self, region: str, window: str, category: str) -> tuple[str, Found | None]:
        """The trending list of a region, else of everywhere ("*"), and which; None when no version has one."""
        for version in (first := self.versions.first(), *self.versions.others(first)):
            for place in dict.fromkeys((region, "*")):
                held = await self.shared.get(version.keys.trending_list(place, window, category).encode())
                if held is not None:
                    return place, Found(*held, version)
        return region, None

    async def trending_in(self, version: Version, place: str, window: str) -> Found | None:
        """The trending list of one place in one version."""
        held = await self.shared.get(version.keys.trending_list(place, window).encode())
        return None if held is None else Found(*held, version)

    async def row(self, version: Version, row: str, *segments: str) -> Found | None:
        """A shared row of a version's homepages, of the first of the segments that has one; empty names are passed
        over."""
        for segment in filter(None, segments):
            held = await self.shared.get(version.keys.row(row, segment).encode())
            if held is not None:
                return Found(*held, version)
        return None


def empty_popular(version: Version) -> Found:
    """The last resort of a process that has never seen a popular list."""
    now_ms = time.time_ns() // 1_000_000
    value = ListStamp(version.keys.version, "popular", 0, now_ms, now_ms).shared([])
    return Found(value, read_prefix(value), version)
