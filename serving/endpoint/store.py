"""Where answers come from: one read of the user's list, then the other versions', then what is in the process."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable
from functools import lru_cache, partial
from typing import NamedTuple

import orjson

from serving import resp
from serving.audience import Audience
from serving.endpoint.audiences import Audiences, Held, restricts
from serving.endpoint.card_fields import Fields, asked_fields
from serving.endpoint.config import EndpointConfig
from serving.endpoint.list_filter import Item, as_made, filter_list, joined, keys_of, supply_cards
from serving.endpoint.messages import Given
from serving.endpoint.missed_lists import MissedLists
from serving.endpoint.shared_lists import SharedListCache
from serving.endpoint.supply import FoundList, Supply
from serving.endpoint.versions import LiveVersions, Version
from serving.keys import CONTEXTS, GLOBAL_REGION, HOMEPAGE, NEW_ROW, WINDOWS, WRITTEN_CONTEXTS, Keys
from serving.list_format import PREFIX_BYTES, UnreadableList, is_former, read_prefix
from serving.redis_errors import RedisUnavailable
from serving.redis_link import Link
from streams.contract.catalog import MATURITIES
from streams.contract.partitioning import partition_of

RECORD_BYTES = 1024  # limits and a filter of 700 met items; what is cut off of a longer filter counts as met


_as_tuple = tuple.__new__  # half the time of calling a NamedTuple
_CONTEXT_TAILS = {context: b"}:%b" % context.encode() for context in CONTEXTS}


@lru_cache(maxsize=1 << 16)  # 2 µs each
def _place_of(partitions: int, user_id: str) -> bytes:
    """Where a cluster has a user's keys, see `serving.keys`."""
    return b"{%d}" % partition_of(user_id.encode(), partitions)


class Cut(NamedTuple):
    """A list, the joined items of it that were asked for, and whether none up to there was left out."""

    found: FoundList
    items: bytes
    is_whole: bool


class Store:
    """Reads lists. No method raises because of Redis; `unavailable` and `unreadable` count what went wrong. `missed` is
    told of users whom a read finds without a list of their version."""

    def __init__(self, config: EndpointConfig, link: Link, missed: MissedLists, clustered: bool = False) -> None:
        self.link = link
        self._missed = missed
        self.versions = LiveVersions(
            config.namespace, config.model_version, link, config.identities.of, config.card_bytes, clustered
        )
        self._root = Keys(config.namespace).root.encode()
        self._place_of = partial(_place_of, config.partitions) if clustered else None
        self.shared = SharedListCache(link)
        self.supply = Supply(self.shared, self.versions)
        self.audiences = Audiences(config.default_maturity)
        self._default_maturity = config.default_maturity
        self.stored_id = config.identities.of
        self.unavailable = 0
        self.unreadable = 0
        self.refreshed = False  # once: it holds every fallback list that there is
        self.countries: set[str] = set()  # that readers have named: there are 676 pairs of letters

    async def refresh(self) -> None:
        """Brings the pointer, the cards and the shared lists up to date. Raises RedisUnavailable, and goes on from what
        was read by then the next time; a reply about cards that is late keeps no list from being read."""
        self.audiences.now_s = time.monotonic()
        late: RedisUnavailable | None = None
        try:
            await self.versions.refresh()
        except RedisUnavailable as error:
            late = error
        served = [version.keys.prefix.encode() for version in self.versions.all]
        await self.shared.refresh(self._fallbacks(), served, time.monotonic())
        if late is not None:
            raise late
        self.refreshed = True

    def _fallbacks(self) -> list[bytes]:
        """What answers are made of while Redis is away, to be held before anybody needs it: then it is too late."""
        names = []
        for version in self.versions.all:
            keys = version.keys
            names += [keys.popular(segment=country) for country in self.countries]
            names += [keys.popular(segment=country, maturity=self._default_maturity) for country in self.countries]
            for maturity in ("", *MATURITIES[:-1]):
                names += [keys.popular(maturity=maturity), keys.row(NEW_ROW, GLOBAL_REGION, maturity)]
                names += [keys.trending_list(GLOBAL_REGION, window, maturity=maturity) for window in WINDOWS]
        return [name.encode() for name in names]

    def head_of(self, user_id: str) -> bytes:
        """What the keys of a user's own begin with: the namespace and, in a cluster, the place."""
        return self._root if self._place_of is None else self._root + self._place_of(user_id)

    def ask(self, head: bytes, version: Version, stored_id: str, context: str) -> asyncio.Future[bytes | None]:
        """Sends for a user's list; None is no list. `head` is `head_of` the user. Raises RedisUnavailable."""
        key = head + version.list_head + stored_id.encode() + _CONTEXT_TAILS[context]
        return self.link.send(resp.get(key), key)

    def ask_audience(self, head: bytes, version: Version, stored_id: str) -> asyncio.Future[bytes]:
        """Sends for the start of the record of what a user may see; b"" is no record. Raises RedisUnavailable."""
        key = b"%b%b%b}" % (head, version.audience_head, stored_id.encode())
        return self.link.send(resp.get_start(key, RECORD_BYTES), key)

    async def audience(self, version: Version, user_id: str, beside: bytes = b"") -> Audience | None:
        """What is known of what a user may see: in a version, else in another one, else before. `beside` as for
        `Audiences.take`."""
        stored_id = self.stored_id(user_id)
        try:
            value = await self.ask_audience(self.head_of(user_id), version, stored_id)
        except RedisUnavailable:
            return self.audiences.held(stored_id)
        audience = self.audiences.take(stored_id, value, beside, version)
        return audience or await self.audience_elsewhere(version, user_id)

    async def audience_elsewhere(self, version: Version, user_id: str) -> Audience | None:
        """What the other versions know, for when a version has no record: it was lost, or is not written yet."""
        head, stored_id = self.head_of(user_id), self.stored_id(user_id)
        for other in self.versions.others(version):
            try:
                audience = self.audiences.take(stored_id, await self.ask_audience(head, other, stored_id))
            except RedisUnavailable:
                return None
            if audience is not None:
                return audience
        return None

    def cut_start(
        self,
        value: bytes,
        version: Version,
        stored_id: str,
        offset: int,
        limit: int,
        audience: Audience,
        given: Given,
        at_ms: int,
        held: Held | None = None,
        fields: Fields = (),
    ) -> Cut | None:
        """Out of what `ask` gave, when all items up to the end of the cut have cards here and may be shown; None =
        `user_cut` is needed. `held` is the user's record, if it lies beside this list. Raises UnreadableList when the
        list is absent, somebody else's or too short."""
        prefix = read_prefix(value)
        if not value.startswith(b'{"user_id":%b,' % orjson.dumps(stored_id), PREFIX_BYTES):
            raise UnreadableList("somebody else's")
        if is_former(value):
            return None
        cards, limits, found = version.cards.cards, audience.limits, _as_tuple(FoundList, (value, prefix, version))
        if restricts(given):
            limits, held = self.audiences.own_limits(audience, given), None
        elif held is not None and held.page_of == (offset, limit, cards.generation, fields):
            return _as_tuple(Cut, (found, held.page, True))
        items = cards.join(value, prefix, offset, limit, limits, at_ms, held, fields)
        if items is None:
            return None
        if held is not None and held.generation == cards.generation and held.end >= min(offset + limit, prefix.items):
            self.audiences.keep_page(held, items, (offset, limit, cards.generation, fields))
        return _as_tuple(Cut, (found, items, True))

    async def user_cut(
        self, user_id: str, context: str, start: bytes, audience: Audience | None, given: Given, at_ms: int
    ) -> Cut | None:
        """Out of the whole list, of any version, without what the reader may not see; None when that leaves nothing, or
        as below. For when `start` (what `ask` gave) was of no use."""
        if not start and len(self.versions.all) == 1:
            self._miss(user_id, self.versions.of(user_id), context)
            return None
        first, offset, limit = self.versions.of(user_id), given.get("offset", 0), given.get("limit", 20)
        found = await self.user_list(user_id, context, first)
        if found is None:
            return None
        items = self.eligible(found, audience, given, at_ms)
        if not items and found.prefix.items:
            return None
        shown = [key for key, _ in items[: offset + limit]]
        is_whole = shown == keys_of(found.value, found.prefix)[: offset + limit]
        return Cut(found, joined(items, offset, limit, found.version.cards.cards, asked_fields(given)), is_whole)

    def eligible(self, found: FoundList, audience: Audience | None, given: Given, at_ms: int) -> list[Item]:
        """What the reader may see of one of their own lists, though it was made when they or others might see more."""
        value, prefix, version = found
        try:
            if audience is None:
                return as_made(value, prefix, version.cards, self.audiences.restricting(given), at_ms)
            return filter_list(value, prefix, version.cards, self.audiences.own_limits(audience, given), at_ms)
        except UnreadableList:
            self.unreadable += 1
            return []

    async def user_list(self, user_id: str, context: str, first: Version | None = None) -> FoundList | None:
        """The user's list from the `first` version (None: theirs), else from another one; None when there is none or
        Redis is away."""
        head, tail = self.head_of(user_id), b"%b}:%b" % (self.stored_id(user_id).encode(), context.encode())
        return await self._from_any(user_id, lambda version: head + version.list_head + tail, first, context)

    async def continue_list(self, user_id: str, first: Version | None = None) -> FoundList | None:
        """What the user has begun, from the `first` version (None: theirs), else from another one."""
        head, tail = self.head_of(user_id), self.stored_id(user_id).encode() + b"}"
        return await self._from_any(user_id, lambda version: head + version.continue_head + tail, first, HOMEPAGE)

    async def _from_any(
        self, user_id: str, key_in: Callable[[Version], bytes], first: Version | None, context: str
    ) -> FoundList | None:
        first = first or self.versions.of(user_id)
        owner = b'{"user_id":%b,' % orjson.dumps(self.stored_id(user_id))
        for version in (first, *self.versions.others(first)):
            found = await self._read(key_in(version), version, owner)
            if found is not None:
                return found
            if version is first:
                self._miss(user_id, first, context)
        return None

    def _miss(self, user_id: str, version: Version, context: str) -> None:
        # While Redis is away there is nothing to be told.
        if context in WRITTEN_CONTEXTS and self.link.serves(self.head_of(user_id)):
            self._missed.add(user_id, version.keys)

    async def similar(self, item_id: str, first: Version) -> FoundList | None:
        """The neighbours of an item, from the `first` version, else from another one."""
        for version in (first, *self.versions.others(first)):
            found = await self._read(self._root + version.similar_head + item_id.encode() + b"}", version, b"")
            if found is not None:
                return found
        return None

    async def _read(self, key: bytes, version: Version, owner: bytes) -> FoundList | None:
        try:
            value = await self.link.get(key)
        except RedisUnavailable:
            self.unavailable += 1
            return None
        if value is None:
            return None
        try:
            prefix = read_prefix(value)
            await supply_cards(value, prefix, version.cards)
        except UnreadableList:
            self.unreadable += 1
            return None
        if owner and not value.startswith(owner, PREFIX_BYTES):
            # Somebody else's list: the replies are out of step. Nobody may see it, nor any reply after it.
            self.unreadable += 1
            self.link.reset(key)
            return None
        return FoundList(value, prefix, version)
