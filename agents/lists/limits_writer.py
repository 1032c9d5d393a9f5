"""Tells Redis what the users of one partition may see, before the lists that follow from it are made.

Making a list takes its turn among many, and a child must not wait for it. So a changed profile changes the record that
the endpoint checks lists against (`serving.audience`) at once, thousands a tick. After a takeover nobody knows whose
profile changed while the partition had no owner: all who have one are told again, and Redis says where it differs. The
same after Redis fell back to an older state.

A list may reflect an event that a former owner folded and did not commit. Redis leaves it alone until this owner has
come as far; until then its user is told again and again, since the list of that event may take its turn much later.
"""

import asyncio
from collections import deque
from collections.abc import Iterable
from itertools import chain, islice

from agents.followers.profiles import PartitionProfiles
from agents.lists.cold_start_users import without_events
from agents.lists.list_maker import ListMaker
from agents.lists.list_rights import PartitionLists
from serving.redis_writer import Told
from tables.user_plane import User, UserPlane

#: Records that are made before others have their turn: 40 µs each.
MADE_A_TURN = 100


class LimitsWriter:
    """Owned by one list keeper."""

    def __init__(self, maker: ListMaker, writer: PartitionLists, profiles: PartitionProfiles, ttl_s: int) -> None:
        self._maker = maker
        self._writer = writer
        self._profiles = profiles
        self._ttl_s = ttl_s
        self._version = profiles.version
        self._changed: dict[str, None] = {}  # whose profile changed, and Redis does not know yet
        self._unsure = deque(profiles.users())  # whose profile may have changed while nobody owned the partition

    def doubt(self, users: Iterable[str] | None = None) -> None:
        """Redis may have lost what it was told of some users, or of all: they are told again."""
        known = set(self._unsure)
        self._unsure.extend(
            user_id
            for user_id in (self._profiles.users() if users is None else users)
            if user_id not in known and self._profiles.get(user_id) is not None
        )

    async def tell(
        self, plane: UserPlane, next_offset: int, listed: Iterable[str], now_ms: int, at_most: int
    ) -> list[str]:
        """Tells of at most so many users; whose lists are out of date with it, and not of a later event. `listed` are
        all whose lists this process wrote: when it is not known any more whose profile changed, it may be theirs, which
        may be gone, or that of anybody who has one. Raises RedisUnavailable, and tells those users with the next
        call."""
        since, self._version = self._version, self._profiles.version
        if since != self._version:
            changes: Iterable[str] | None = self._profiles.changed_since(since)
            if changes is None:  # a name is noted in a fraction of a microsecond, and told in its turn
                changes = chain(listed, self._profiles.users())
            self._changed.update(dict.fromkeys(changes))
        changed = list(islice(self._changed, at_most))
        unsure = list(islice(self._unsure, at_most - len(changed)))
        values = {}
        for place, user_id in enumerate((*changed, *unsure)):
            if place % MADE_A_TURN == MADE_A_TURN - 1:
                await asyncio.sleep(0)
            profile, user = self._profiles.get(user_id), self._user(plane, user_id, next_offset)
            if user is not None:
                key, record = self._maker.audience(user, profile, now_ms)
                values[user_id] = (self._maker.list_key(user_id), key, record, user.row.last_offset)
        replies = await self._writer.change_audiences(list(values.values()), self._ttl_s) if values else []
        for user_id in changed:
            del self._changed[user_id]
        for _ in unsure:
            self._unsure.popleft()
        told = dict(zip(values, replies, strict=True))
        early = dict.fromkeys(user_id for user_id, reply in told.items() if reply is Told.LEFT_ALONE)
        self._changed.update(early)  # behind those who were not told yet
        differing = [user_id for user_id, reply in told.items() if reply is Told.CHANGED]
        return [user_id for user_id in (*changed, *differing) if user_id not in early]

    def _user(self, plane: UserPlane, user_id: str, next_offset: int) -> User | None:
        known = plane.view(user_id)
        if known is None:
            return None if self._profiles.get(user_id) is None else without_events(user_id, next_offset)
        if known.row.last_offset < 0:  # what their guests did is all that is known
            known.row.last_offset = next_offset - 1
        return known
