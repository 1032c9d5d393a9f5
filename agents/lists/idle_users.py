"""Finds the users of one partition whose rows may be dropped, and drops them, a bounded number at a time.

Redis first, then the rows: what a crash leaves in between is found again by the next owner's walk. The tombstones and
the counts that they take along are one transaction, the next one of the partition. When that is does not matter to
anybody else: see tables.user_plane.
"""

import logging
from collections.abc import Awaitable, Callable, Iterator, Mapping

from streams.contract.units import HOUR_MS
from tables.user_plane import UserPlane

logger = logging.getLogger(__name__)

#: Rows that one call of `look` passes over, and users that one transaction drops (a user has up to 1,000 rows).
ROWS_A_TICK = 1_000
USERS_A_TICK = 50
#: A walk over the rows begins when event time has moved by this much since the last one began.
WALK_EVERY_MS = 6 * HOUR_MS


class IdleUsers:
    """`ready` users are gone from Redis, and their rows go with the next call of `purge`."""

    def __init__(self) -> None:
        self.ready: list[str] = []
        self._found: list[str] = []  # still in Redis
        self._walk: Iterator[str] | None = None
        self._next_walk_ms = 0  # by the partition's watermark

    async def look(self, plane: UserPlane, remove_keys: Callable[[Mapping[str, int]], Awaitable[bool]]) -> None:
        """Goes on with the walk. `remove_keys` answers False while Redis is away: then the walk waits.

        It is given the last offsets of rows that are idle now: whoever came back while the walk waited is pending a
        list.
        """
        if not self._found:
            self._look_on(plane)
        idle = {user_id: last for user_id in self._found if (last := plane.idle_since(user_id)) is not None}
        if not idle or await remove_keys(idle):
            self.ready += idle
            self._found = []

    def _look_on(self, plane: UserPlane) -> None:
        if self._walk is None:
            if plane.watermark_ms < self._next_walk_ms:
                return
            self._next_walk_ms = plane.watermark_ms + WALK_EVERY_MS
            self._walk = plane.users()
        for _ in range(ROWS_A_TICK):
            user_id = next(self._walk, None)
            if user_id is None:
                self._walk = None
                return
            if plane.idle_since(user_id) is not None:
                self._found.append(user_id)
            if len(self._found) == USERS_A_TICK:
                return

    def purge(self, plane: UserPlane) -> None:
        """Drops the rows of users who are ready and still idle."""
        ready, self.ready = self.ready, []
        purged = sum([plane.purge(user_id) for user_id in ready])
        if purged:
            logger.info("dropped the rows of %d idle users", purged)
