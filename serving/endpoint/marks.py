"""Notes about users as the commands that put them into sorted sets, one set for each partition of users."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from itertools import chain
from typing import NamedTuple

from serving import resp
from serving.redis_errors import RedisUnavailable
from serving.redis_link import Link
from streams.contract.identities import PLAIN, Identities
from streams.contract.partitioning import partition_of

CHUNK = 500  # marks in one command: Redis serves nobody else meanwhile


class Mark(NamedTuple):
    """A command, the key that it names, and whom it notes, named as in their requests."""

    frame: bytes
    key: bytes
    users: list[str]


class UserMarks:
    """Knows to which of the partitions of the log a user belongs, and under which id they are stored."""

    def __init__(self, partitions: int, identities: Identities = PLAIN) -> None:
        self._partitions = partitions
        self._stored_id = identities.of

    async def write(self, link: Link, key_of: Callable[[int], str], users: list[str], now_s: int) -> list[str]:
        """Adds users to the sets of their partitions, as of a second since the epoch; returns those whose set is away.
        In a cluster each set is where its partition is."""

        async def send(mark: Mark) -> list[str]:
            try:
                await link.send(mark.frame, mark.key)
            except RedisUnavailable:
                return mark.users
            return []

        return list(chain.from_iterable(await asyncio.gather(*map(send, self._marks(key_of, users, now_s)))))

    def _marks(self, key_of: Callable[[int], str], users: list[str], now_s: int) -> list[Mark]:
        """ZADD of the users' stored ids, scored by the second, to the keys of their partitions."""
        members: dict[int, list[str]] = {}
        for user_id in users:
            members.setdefault(partition_of(user_id.encode(), self._partitions), []).append(user_id)
        second = b"%d" % now_s
        return [
            self._mark(key_of(partition).encode(), second, of_partition[start : start + CHUNK])
            for partition, of_partition in members.items()
            for start in range(0, len(of_partition), CHUNK)
        ]

    def _mark(self, key: bytes, second: bytes, users: list[str]) -> Mark:
        scored = [part for user_id in users for part in (second, self._stored_id(user_id).encode())]
        return Mark(resp.command(b"ZADD", key, *scored), key, users)
