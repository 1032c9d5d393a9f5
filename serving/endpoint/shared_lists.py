"""Lists that belong to nobody (popular, trending), kept in the process and refreshed every second or so.

They are what a reader gets when Redis is away, so the last copy is kept until something newer is there, even when its
key is gone: an old popular list, labelled stale, is better than none.
"""

from __future__ import annotations

import asyncio
from collections.abc import Iterable

from serving import resp
from serving.list_format import PREFIX_BYTES, Prefix, UnreadableList, read_prefix
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink

CHUNK = 32  # lists in one round trip: half a megabyte arrives well within the deadline that all replies have
MAX_LISTS = 2048  # 30 MB at 15 KB; only keys that exist are kept, so readers cannot fill it with names they invent


class SharedLists:
    """The last known value of every shared list that someone asked for."""

    def __init__(self, link: RedisLink) -> None:
        self._link = link
        self._values: dict[bytes, tuple[bytes, Prefix]] = {}

    def __len__(self) -> int:
        """How many lists are held."""
        return len(self._values)

    async def get(self, key: bytes) -> tuple[bytes, Prefix] | None:
        """The list, from memory or (the first time) from Redis; None when it does not exist or cannot be had now."""
        known = self._values.get(key)
        if known is not None:
            return known
        try:
            self._keep(key, await self._link.get(key))
        except RedisUnavailable:
            return None
        return self._values.get(key)

    def _keep(self, key: bytes, value: bytes | None) -> None:
        if value is None or (key not in self._values and len(self._values) >= MAX_LISTS):
            return
        try:
            self._values[key] = (value, read_prefix(value))
        except UnreadableList:
            return  # another release's format: keep what we have

    async def refresh(self, wanted: Iterable[bytes] = ()) -> None:
        """Reads what is `wanted` and not held yet, and again what has changed. Raises RedisUnavailable."""
        keys = [*self._values, *(key for key in wanted if key not in self._values)]
        for first in range(0, len(keys), CHUNK):
            await self._refresh(keys[first : first + CHUNK])

    async def _refresh(self, keys: list[bytes]) -> None:
        starts = await asyncio.gather(*[self._link.send(resp.get_start(key, PREFIX_BYTES)) for key in keys])
        changed = [key for key, start in zip(keys, starts, strict=True) if start and not self._starts_with(key, start)]
        values = await asyncio.gather(*[self._link.get(key) for key in changed])
        for key, value in zip(changed, values, strict=True):
            self._keep(key, value)

    def _starts_with(self, key: bytes, start: bytes) -> bool:
        return key in self._values and self._values[key][0].startswith(start)
