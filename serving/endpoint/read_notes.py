"""Notes in Redis who reads, off the request path, so that the workers keep the lists of people who only read."""

from __future__ import annotations

import asyncio

from serving import resp
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_link import RedisLink
from streams.identities import PLAIN, Identities
from streams.partitioning import partition_of

AGAIN_S = 600  # a reader is noted once in this time; the workers think in days
MAX_KNOWN = 200_000
MAX_WAITING = 5_000  # between two calls of `write`: a flood of invented ids costs this much and no more
CHUNK = 500  # marks in one command: Redis serves nobody else meanwhile


class ReadNotes:
    """Remembers who was noted, so that most reads cost a look into a set."""

    def __init__(self, link: RedisLink, keys: Keys, partitions: int, identities: Identities = PLAIN) -> None:
        self._link = link
        self._keys = keys
        self._partitions = partitions
        self._stored_id = identities.of
        self._known: set[str] = set()
        self._waiting: list[str] = []
        self._forget_at_s = 0

    def add(self, user_id: str) -> None:
        """Keeps a reader for the next `write`. One too many is noted with a later read."""
        if user_id not in self._known and len(self._waiting) < MAX_WAITING:
            self._known.add(user_id)
            self._waiting.append(user_id)

    async def write(self, now_s: int) -> None:
        """Notes those who wait, at `now_s` seconds since the epoch. While Redis is away they are read readers again."""
        waiting, self._waiting = self._waiting, []
        try:
            await asyncio.gather(*[self._link.send(frame) for frame in self._frames(waiting, now_s)])
        except RedisUnavailable:
            self._known.difference_update(waiting)
        if now_s >= self._forget_at_s or len(self._known) > MAX_KNOWN:
            self._known.clear()
            self._forget_at_s = now_s + AGAIN_S

    def _frames(self, users: list[str], now_s: int) -> list[bytes]:
        members: dict[int, list[bytes]] = {}
        for user_id in users:
            partition = partition_of(user_id.encode(), self._partitions)
            members.setdefault(partition, []).append(self._stored_id(user_id).encode())
        second = b"%d" % now_s
        return [
            self._frame(partition, second, of_partition[start : start + CHUNK])
            for partition, of_partition in members.items()
            for start in range(0, len(of_partition), CHUNK)
        ]

    def _frame(self, partition: int, second: bytes, members: list[bytes]) -> bytes:
        scored = [part for member in members for part in (second, member)]
        return resp.command(b"ZADD", self._keys.readers(partition).encode(), *scored)
