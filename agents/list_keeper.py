"""Keeps the lists of one partition's users right in Redis: at once after an event, by a paced sweep otherwise.

A partition owns a marker in Redis, the position before which every list is written. It makes three situations one:
after a crash, a takeover or a failover to an older replica the marker is behind, and the lists of rows from there on
are owed; after a wipe it is missing, and every active user's list is owed; while Redis is away nothing is lost,
because users stay owed until their list is written. Lists also become owed before they expire, and when the catalogue
changes an item that they show.
"""

import logging
from collections import OrderedDict
from collections.abc import Callable, Collection, Iterable
from dataclasses import dataclass

from agents.list_maker import ListMaker
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from tables.user_plane import UserPlane

logger = logging.getLogger(__name__)

DAY_MS = 86_400_000


@dataclass(frozen=True, slots=True)
class Pace:
    """How a sweep spreads its work."""

    lists_per_tick: int = 200
    marker_check_ms: int = 1_000
    retry_ms: int = 500
    refresh_before_expiry: float = 0.8  # share of the list's life after which a sweep rewrites it


class ListKeeper:
    """Owned by one partition task, which calls it between batches only: never two calls at a time."""

    def __init__(
        self,
        partition: int,
        maker: ListMaker,
        writer: ListWriter,
        now_ms: Callable[[], int],
        active_days: int,
        list_ttl_s: int,
        pace: Pace | None = None,
    ) -> None:
        self._partition = partition
        self._maker = maker
        self._writer = writer
        self._now_ms = now_ms
        self._active_ms = active_days * DAY_MS
        self._list_ttl_s = list_ttl_s
        self._pace = pace or Pace()
        self._owed: dict[str, None] = {}  # insertion order: the longest waiting first
        self._written_ms: OrderedDict[str, int] = OrderedDict()  # by time of the last write, oldest first
        self._marker: int | None = None
        self._checked_ms = 0
        self._retry_at_ms = 0
        self._catalogue_version = maker.catalogue_version
        self.lists_written = 0

    async def refresh(self, plane: UserPlane, users: Collection[str], next_offset: int) -> None:
        """Rewrites the lists of `users` now; while Redis is away they are owed instead."""
        self._owe(users)
        if self._now_ms() >= self._retry_at_ms:
            await self._write(plane, list(users))
            await self._advance_marker(next_offset)

    async def sweep(self, plane: UserPlane, next_offset: int) -> None:
        """Writes a bounded number of owed lists; called between batches and when idle."""
        now_ms = self._now_ms()
        if now_ms < self._retry_at_ms:
            return
        if now_ms - self._checked_ms >= self._pace.marker_check_ms:
            await self._check_marker(plane, now_ms)
        self._owe_expiring(now_ms)
        self._owe_after_catalogue_change(plane, now_ms)
        if self._owed:
            await self._write(plane, list(self._owed)[: self._pace.lists_per_tick])
        await self._advance_marker(next_offset)

    # -- what is owed ---------------------------------------------------------------------------------------------

    def _owe(self, users: Iterable[str]) -> None:
        self._owed.update(dict.fromkeys(users))

    async def _check_marker(self, plane: UserPlane, now_ms: int) -> None:
        self._checked_ms = now_ms
        try:
            found = await self._writer.written_position(self._partition)
        except RedisUnavailable as error:
            self._pause(error)
            return
        if self._marker is not None and found == self._marker:
            return
        since = 0 if found is None else found
        owed = [user for user, offset in self._active(plane, now_ms) if offset >= since]
        if owed or found is None:
            logger.info("partition %d: %d lists are owed (marker in Redis: %s)", self._partition, len(owed), found)
        self._owe(owed)
        self._marker = -1 if found is None else found

    def _active(self, plane: UserPlane, now_ms: int) -> Iterable[tuple[str, int]]:
        for user_id, row in plane.rows():
            if row.last_append_ms >= now_ms - self._active_ms:
                yield user_id, row.last_offset

    def _owe_expiring(self, now_ms: int) -> None:
        renew_ms = int(self._maker.expires_ms * self._pace.refresh_before_expiry)
        while self._written_ms:
            user_id, written_ms = next(iter(self._written_ms.items()))
            if now_ms - written_ms < renew_ms:
                return
            del self._written_ms[user_id]
            self._owe([user_id])

    def _owe_after_catalogue_change(self, plane: UserPlane, now_ms: int) -> None:
        if self._maker.catalogue_version == self._catalogue_version:
            return
        since, self._catalogue_version = self._catalogue_version, self._maker.catalogue_version
        self._owe(self._maker.users_affected(since, (user for user, _ in self._active(plane, now_ms))))

    # -- writing --------------------------------------------------------------------------------------------------

    async def _write(self, plane: UserPlane, users: list[str]) -> None:
        now_ms = self._now_ms()
        values = []
        for user_id in users:
            user = plane.view(user_id)
            if user is not None:
                values += self._maker.user_values(user_id, user, self._partition, now_ms)
        try:
            await self._writer.write_lists(values, self._list_ttl_s)
        except RedisUnavailable as error:
            self._pause(error)
            return
        self.lists_written += len(users)
        for user_id in users:
            self._owed.pop(user_id, None)
            self._written_ms[user_id] = now_ms
            self._written_ms.move_to_end(user_id)

    async def _advance_marker(self, next_offset: int) -> None:
        """Moves the marker to the folded position once it was read and no list is owed."""
        if self._owed or self._marker is None or next_offset == self._marker:
            return
        try:
            await self._writer.set_written_position(self._partition, next_offset)
        except RedisUnavailable as error:
            self._pause(error)
            return
        self._marker = next_offset

    def _pause(self, error: RedisUnavailable) -> None:
        logger.warning("partition %d: %s; %d lists wait", self._partition, error, len(self._owed))
        self._retry_at_ms = self._now_ms() + self._pace.retry_ms
