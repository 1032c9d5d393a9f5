"""Tells the workers of whom a read found no list: evicted by Redis, deleted, or never written. They write it at once.

Unlike who reads at all, this is told within a moment, and again as long as the list is missing. Strangers have no list
either: workers pass over them, so that each costs a member of a sorted set every few seconds.
"""

from __future__ import annotations

from serving.endpoint.marks import UserMarks
from serving.keys import Keys
from serving.redis_link import Link

AGAIN_S = 5  # later reads of the same user tell it again: a worker may have ended over it
WRITE_EVERY_S = 0.2
MAX_TOLD = 5_000  # in that time: a flood of invented ids costs this much and no more


class MissedLists:
    """Remembers whom it told of lately."""

    def __init__(self, link: Link, user_marks: UserMarks) -> None:
        self._link = link
        self._user_marks = user_marks
        self._told: set[tuple[str, str]] = set()
        self._waiting: dict[str, tuple[Keys, list[str]]] = {}
        self._forget_at_s = 0.0

    def add(self, user_id: str, keys: Keys) -> None:
        """Keeps a reader, named as in the request, who has no list of the version of `keys`, for the next `write`."""
        told = user_id, keys.version
        if told not in self._told and len(self._told) < MAX_TOLD:
            self._told.add(told)
            self._waiting.setdefault(keys.version, (keys, []))[1].append(user_id)

    async def write(self, now_s: float) -> None:
        """Tells of those who wait, at `now_s` seconds since the epoch. What cannot be told now is told again by a later
        read."""
        waiting, self._waiting = self._waiting, {}
        for keys, users in waiting.values():
            away = await self._user_marks.write(self._link, keys.missed, users, int(now_s))
            self._told.difference_update((user_id, keys.version) for user_id in away)
        if now_s >= self._forget_at_s:
            self._told.clear()
            self._forget_at_s = now_s + AGAIN_S
