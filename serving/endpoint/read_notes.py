"""Notes in Redis who reads, off the request path, so that the workers keep the lists of people who only read."""

from __future__ import annotations

from serving.endpoint.marks import UserMarks
from serving.keys import Keys
from serving.redis_link import Link

AGAIN_S = 600  # a reader is noted once in this time; the workers think in days
MAX_KNOWN = 200_000
MAX_WAITING = 5_000  # between two calls of `write`: a flood of invented ids costs this much and no more


class ReadNotes:
    """Remembers who was noted, so that most reads cost a look into a set."""

    def __init__(self, link: Link, keys: Keys, user_marks: UserMarks) -> None:
        self._link = link
        self._keys = keys
        self._user_marks = user_marks
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
        missed = waiting
        try:
            missed = await self._user_marks.write(self._link, self._keys.readers, waiting, now_s)
        finally:
            self._known.difference_update(missed)
        if not 0 < self._forget_at_s - now_s <= AGAIN_S or len(self._known) > MAX_KNOWN:
            self._known.clear()
            self._forget_at_s = now_s + AGAIN_S
