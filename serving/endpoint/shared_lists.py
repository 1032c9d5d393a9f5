"""Lists that belong to nobody (popular, trending), kept in the process and refreshed every second or so.

They are what a reader gets when Redis is away, so the last copy is kept until something newer is there, even when its
key is gone: an old popular list, labelled stale, is better than none. What is kept is bounded by version and by last
use: lists of versions that serve nobody any more go first, then those that nobody asked for lately. Nothing goes while
Redis is away, and the fallbacks of versions that serve stay.
"""

from __future__ import annotations

import asyncio
from collections import OrderedDict
from collections.abc import Collection, Sequence
from dataclasses import dataclass

from serving import resp
from serving.list_format import PREFIX_BYTES, Prefix, UnreadableList, read_prefix
from serving.redis_errors import RedisUnavailable
from serving.redis_link import Link

CHUNK = 32  # lists in one round trip: half a megabyte arrives well within the deadline that all replies have
MAX_LISTS = 2048  # 4 MB at 2 KB; only keys that exist are kept, so readers cannot fill it with names they invent
UNUSED_S = 600.0  # after which a list that nobody asks for is not refreshed any more


@dataclass(slots=True)
class _CachedList:
    """A list, and the time of the last refresh before it was asked for last."""

    listed: tuple[bytes, Prefix]
    used_s: float


class SharedListCache:
    """The last known value of every shared list that someone asked for lately."""

    def __init__(self, link: Link) -> None:
        self._link = link
        self._held: OrderedDict[bytes, _CachedList] = OrderedDict()  # by last use, the longest ago first
        self._wanted: frozenset[bytes] = frozenset()
        self._now_s = 0.0

    def __len__(self) -> int:
        """How many lists are held."""
        return len(self._held)

    async def get(self, key: bytes) -> tuple[bytes, Prefix] | None:
        """The list, from memory or (the first time) from Redis; None when it does not exist or cannot be had now."""
        known = self._held.get(key)
        if known is None:
            try:
                return self._keep(key, await self._link.get(key))
            except RedisUnavailable:
                return None
        known.used_s = self._now_s
        self._held.move_to_end(key)
        return known.listed

    def _keep(self, key: bytes, value: bytes | None) -> tuple[bytes, Prefix] | None:
        """The list in a value, held unless there is no room; None when there is none in it."""
        if value is None:
            return None
        try:
            listed = value, read_prefix(value)
        except UnreadableList:
            return None  # another release's format: keep what we have
        known = self._held.get(key)
        if known is not None:
            known.listed = listed
        elif len(self._held) < MAX_LISTS or self._make_room():
            self._held[key] = _CachedList(listed, self._now_s)
        return listed

    def _make_room(self) -> bool:
        """Drops the list that was asked for longest ago; False when all are needed."""
        longest_ago = next((key for key in self._held if key not in self._wanted), None)
        if longest_ago is None:
            return False
        del self._held[longest_ago]
        return True

    async def refresh(
        self, wanted: Collection[bytes] = (), served: Sequence[bytes] = (b"",), now_s: float = 0.0
    ) -> None:
        """Reads what is `wanted` and not held yet, and again what has changed; drops what does not begin with one of
        the `served` prefixes or was not asked for since `UNUSED_S` before `now_s`. Raises RedisUnavailable when some of
        it could not be read."""
        self._now_s, self._wanted = now_s, frozenset(wanted)
        keys = [key for key in self._held if self._is_needed(key, served)]
        keys += [key for key in wanted if key not in self._held]
        unread: RedisUnavailable | None = None
        for first in range(0, len(keys), CHUNK):
            unread = await self._refresh(keys[first : first + CHUNK]) or unread
        if unread is not None:
            raise unread
        for key in [key for key in self._held if not self._is_needed(key, served)]:
            del self._held[key]

    def _is_needed(self, key: bytes, served: Sequence[bytes]) -> bool:
        if key in self._wanted:
            return True
        return self._now_s - self._held[key].used_s < UNUSED_S and key.startswith(tuple(served))

    async def _refresh(self, keys: list[bytes]) -> RedisUnavailable | None:
        """Keeps what is there; why something is not, if it is for want of a server."""
        starts = await self._ask([(resp.get_start(key, PREFIX_BYTES), key) for key in keys])
        changed = [
            key
            for key, start in zip(keys, starts, strict=True)
            if isinstance(start, bytes) and start and not self._starts_with(key, start)
        ]
        values = await self._ask([(resp.get(key), key) for key in changed])
        for key, value in zip(changed, values, strict=True):
            if isinstance(value, bytes):
                self._keep(key, value)
        return next((reply for reply in (*starts, *values) if isinstance(reply, RedisUnavailable)), None)

    async def _ask(self, frames: list[tuple[bytes, bytes]]) -> list[bytes | RedisUnavailable | None]:
        """Replies to frames that name keys of any slot, some of whose primaries may be away."""

        async def ask(frame: bytes, key: bytes) -> bytes | RedisUnavailable | None:
            try:
                reply: bytes | None = await self._link.send(frame, key)
                return reply
            except RedisUnavailable as error:
                return error

        return await asyncio.gather(*[ask(*frame) for frame in frames])

    def _starts_with(self, key: bytes, start: bytes) -> bool:
        return key in self._held and self._held[key].listed[0].startswith(start)
