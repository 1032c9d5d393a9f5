"""Which of a partition's users are worth a list: those with a recent event or profile, and those who read."""

from collections import deque
from collections.abc import Collection, Iterator
from itertools import islice
from typing import NamedTuple

from agents.followers.profiles import PartitionProfiles
from agents.lists.reader_watch import ReaderWatch
from agents.lists.shown_lists import ShownLists
from streams.contract.units import DAY_MS
from tables.user_plane import UserPlane


class Idle(NamedTuple):
    """A user without an event lately, who has a list only if they read: then `at_once`, or one day."""

    user_id: str
    at_once: bool


class ReaderLiveness:
    """Asks Redis through `readers`; methods that do raise RedisUnavailable."""

    def __init__(
        self, readers: ReaderWatch, profiles: PartitionProfiles, active_days: int, missed_check_ms: int
    ) -> None:
        self._readers = readers
        self._profiles = profiles
        self._active_ms = active_days * DAY_MS
        self._missed_check_ms = missed_check_ms
        self._asked_ms = 0
        self._idle: deque[Idle] = deque()

    @property
    def asks(self) -> bool:
        """Whether it is not known yet of somebody whether they read."""
        return bool(self._idle)

    def is_active(self, last_seen_ms: int, now_ms: int) -> bool:
        """Whether somebody who was seen then gets a list whether they read or not."""
        return last_seen_ms >= now_ms - self._active_ms

    def last_seen_ms(self, plane: UserPlane, user_id: str) -> int:
        """When the user's last event was appended, or the profile of somebody without events."""
        user = plane.view(user_id)
        return self._profiles.seen_ms(user_id) if user is None else user.row.last_append_ms

    def ask_for(self, user_id: str, *, at_once: bool) -> None:
        """Whether the user gets a list depends on whether they read."""
        self._idle.append(Idle(user_id, at_once))

    async def answers(self, now_ms: int, at_most: int) -> Iterator[tuple[Idle, bool]]:
        """Of users who were asked for, whether they read."""
        asked = list(islice(self._idle, at_most))
        reading = await self._readers.active([idle.user_id for idle in asked], now_ms // 1000) if asked else ()
        for _ in asked:
            self._idle.popleft()
        return ((idle, idle.user_id in reading) for idle in asked)

    async def came(self, plane: UserPlane, shown: ShownLists, now_ms: int) -> list[str]:
        """Users who read and whose lists are not kept. Readers nobody knows are forgotten."""
        came = await self._readers.came(now_ms // 1000)
        new = [user_id for user_id in came if not shown.is_written(user_id)]
        known = self._known(plane, new)
        await self.forget(set(new).difference(known), now_ms)
        return known

    async def missed(self, plane: UserPlane, now_ms: int) -> list[str]:
        """Users who read and found no list. Strangers never have one; who is told of again is told again."""
        if 0 <= now_ms - self._asked_ms < self._missed_check_ms:
            return []
        self._asked_ms = now_ms
        return self._known(plane, await self._readers.missed())

    def drop(self, users: Collection[str]) -> None:
        """These users get no list."""
        self._idle = deque(idle for idle in self._idle if idle.user_id not in users)

    async def forget(self, users: Collection[str], now_ms: int) -> None:
        """Redis need not know any more that these users read."""
        await self._readers.forget(users, now_ms // 1000)

    def _known(self, plane: UserPlane, users: Collection[str]) -> list[str]:
        return [
            user_id
            for user_id in users
            if user_id in plane or plane.is_linked(user_id) or self._profiles.get(user_id) is not None
        ]
