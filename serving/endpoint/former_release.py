"""What workers of the former release say of items.

They keep a set of items that nobody may be shown and a hash of items whose facts are others than lists of the former
format say. Endpoints are upgraded first, and workers may go back to the former release, so both hold for lists of that
format, whatever cards say.
"""

from __future__ import annotations

import asyncio

from serving import resp
from serving.item_card import NOBODYS
from serving.keys import Keys
from serving.redis_link import Link
from serving.seen_filter import item_hash

SCANNED = 1000  # members in one reply


class FormerlyHidden:
    """`facts` by item key, of one version."""

    def __init__(self, link: Link, keys: Keys) -> None:
        self.facts: dict[int, bytes] = {}
        self.stamp = b""
        self._link = link
        self._blocked, self._restated = keys.blocked.encode(), keys.restated.encode()
        self._stamps = [f"{keys.root}{kind}_stamp:{keys.version}".encode() for kind in ("blocked", "restated")]

    async def refresh(self) -> None:
        """Reads both where a stamp has changed. Raises RedisUnavailable."""
        found = await asyncio.gather(*[self._link.get(key) for key in self._stamps])
        # No stamp: nothing was ever hidden, or Redis was wiped. A wipe must not show again what was withdrawn.
        stamp = b"-".join(stamp or b"0" for stamp in found)
        if found == [None, None] or stamp == self.stamp:
            return
        blocked = await self._members(b"SSCAN", self._blocked)
        restated = await self._members(b"HSCAN", self._restated)
        facts = {_key_of(name): value.partition(b" ")[2] for name, value in zip(*[iter(restated)] * 2, strict=True)}
        self.facts = facts | dict.fromkeys(map(_key_of, blocked), NOBODYS)
        self.stamp = stamp

    async def _members(self, scan: bytes, key: bytes) -> list[bytes]:
        """A whole set or hash (fields and values in turn), however large: each reply comes within its deadline."""
        found: list[bytes] = []
        cursor = b"0"
        while True:
            cursor, members = await self._link.send(resp.command(scan, key, cursor, b"COUNT", b"%d" % SCANNED), key)
            found += members
            if cursor == b"0":
                return found


def _key_of(name: bytes) -> int:
    return item_hash(name.decode("utf-8", "ignore"))
