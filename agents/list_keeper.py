"""Keeps the lists of one partition's users right in Redis: at once after an event, by a paced sweep otherwise.

A partition owns a marker in Redis, the position before which every list is written. It makes three situations one:
after a crash, a takeover or a failover to an older replica the marker is behind, and the lists of rows from there on
are owed; after a wipe it is missing, and every active user's list is owed; while Redis is away nothing is lost,
because users stay owed until their list is written. A census over the rows, a bounded number a tick, finds the owed
ones. Lists also become owed before they expire, when the catalogue changes an item that they show or may have more for
a list that is short, and when their user's profile changes. A user with a profile has a list before the first event; it
reflects the position at which the partition held none of them. Users without an event for the active days are kept as
long as they read.

A version that serves nobody writes no lists while it is far behind the head (`agents.catch_up`). Near it the marker,
which did not move, says what is owed.
"""

import logging
from collections import OrderedDict, deque
from collections.abc import Awaitable, Callable, Collection, Iterable, Mapping
from itertools import islice
from typing import NamedTuple, TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.catch_up import CatchUp
from agents.list_maker import ROOM, ListMaker
from agents.newcomers import everybody, without_events
from agents.profiles import PartitionProfiles
from agents.reader_watch import ReaderWatch
from agents.sweep_pace import Census, Pace
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import Group, ListWriter
from streams.units import DAY_MS
from tables.user_plane import UserPlane

logger = logging.getLogger(__name__)

NO_MARKER = -1

#: A list made longer ago is no measure of what the model knows now.
YOUNG_LIST_MS = 5 * 60_000

Users = TypeVar("Users", bound=Collection[str])


class Shown(NamedTuple):
    """Item indices of a list that this process wrote, best first, with what follows it; the user's last offset in it,
    and when it was made."""

    items: NDArray[np.int32]
    offset: int
    made_ms: int


class ListKeeper:
    """Owned by one partition task, which calls it between batches only: never two calls at a time."""

    def __init__(
        self,
        partition: int,
        maker: ListMaker,
        writer: ListWriter,
        profiles: PartitionProfiles,
        readers: ReaderWatch,
        now_ms: Callable[[], int],
        active_days: int,
        list_ttl_s: int,
        pace: Pace | None = None,
        catch_up: CatchUp | None = None,
    ) -> None:
        self._partition = partition
        self._maker = maker
        self._writer = writer
        self._profiles = profiles
        self._profiles_version = profiles.version
        self._readers = readers
        self._now_ms = now_ms
        self._active_ms = active_days * DAY_MS
        self._list_ttl_s = list_ttl_s
        self._pace = pace or Pace()
        self._catch_up = catch_up or CatchUp(serves=lambda: True)
        self._owed: dict[str, None] = {}  # insertion order: the longest waiting first
        self._unknown: deque[str] = deque()  # lists of a former owner: written, but who knows when
        self._idle: deque[tuple[str, bool]] = deque()  # kept only if they read; then owed at once, or one day
        self._written_ms: OrderedDict[str, int] = OrderedDict()  # by time of the last write, oldest first
        self._shown: dict[str, Shown] = {}  # the lists this process wrote
        self._census: Census | None = None
        self._marker: int | None = None  # what Redis holds; None = not read yet, or in doubt
        self._checked_ms = 0
        self._retry_at_ms = 0
        self._catalogue_version = maker.catalogue_version
        self.lists_written = 0

    @property
    def kept(self) -> int:
        """How many lists this process keeps right."""
        return len(self._written_ms)

    def shown(self, user_id: str) -> NDArray[np.int32] | None:
        """Item indices of the list that the user has, best first; None when this process wrote none."""
        shown = self._shown.get(user_id)
        return None if shown is None else shown.items

    def at_hand(self, user_id: str, offset: int) -> NDArray[np.int32] | None:
        """Item indices of the user's list, if this process made it in the last minutes, it reflects the offset, and it
        is a full one."""
        shown, size = self._shown.get(user_id), self._maker.list_size
        if shown is None or shown.offset != offset or shown.made_ms < self._now_ms() - YOUNG_LIST_MS:
            return None
        return None if ROOM in shown.items[-1:] else shown.items[:size]

    async def refresh(self, plane: UserPlane, users: Collection[str], next_offset: int) -> None:
        """Rewrites the lists of `users` now; while Redis is away they are owed instead.

        Far behind the head nothing is written, nor remembered: the marker says later what is owed.
        """
        self._catch_up.batch(plane, users, self._now_ms())
        if self._catch_up.leaves_lists:
            self._skip()
            return
        self._owe(users)
        if not self._pauses():
            await self._write(plane, list(users), next_offset)
            await self._advance_marker(next_offset)

    async def sweep(self, plane: UserPlane, next_offset: int) -> None:
        """Does a bounded part of what time, Redis or the catalogue made necessary; called at least every tick."""
        now_ms = self._now_ms()
        if self._pauses() or self._catch_up.leaves_lists:
            return
        if not 0 <= now_ms - self._checked_ms < self._pace.marker_check_ms:  # nor when the clock was set back
            await self._check_marker(plane, now_ms)
            await self._welcome_readers(plane, now_ms)
        if self._pauses():
            return
        self._walk(now_ms)
        self._owe_renewals(plane, now_ms)
        await self._settle_idle(now_ms)
        self._owe_after_catalogue_change()
        self._owe_after_profile_change()
        if self._owed:
            await self._write(plane, list(self._owed)[: self._pace.lists_per_tick], next_offset)
        await self._advance_marker(next_offset)

    async def forget(self, users: Collection[str]) -> bool:
        """Removes everything that Redis holds of `users`; False while Redis is away, and then it is to be repeated."""
        return await self._forget(users, self._writer.remove_users)

    async def forget_idle(self, last_offsets: Mapping[str, int]) -> bool:
        """The same for users by the last offset of their rows, unless a later one made a list meanwhile."""
        return await self._forget(last_offsets, self._writer.remove_users_up_to)

    async def _forget(self, users: Users, remove: Callable[[Users], Awaitable[int]]) -> bool:
        self._unknown = deque(user_id for user_id in self._unknown if user_id not in users)
        self._idle = deque(pair for pair in self._idle if pair[0] not in users)
        for user_id in users:
            self._owed.pop(user_id, None)
            self._written_ms.pop(user_id, None)
            self._shown.pop(user_id, None)
        if self._pauses():
            return False
        try:
            await remove(users)
            await self._readers.forget(users)
        except RedisUnavailable as error:
            self._pause(error)
            return False
        return True

    def _skip(self) -> None:
        """Lists of folded events are not written: only a census from the marker on can tell which are owed."""
        self._owed.clear()
        self._census = None
        self._forget_marker()

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
        marker = NO_MARKER if found is None else found
        if marker != self._marker:
            logger.info("partition %d: lists in Redis are written up to %s", self._partition, found)
            self._marker = marker
            unfinished = marker if self._census is None else self._census.since
            self._census = Census(everybody(plane, self._profiles), min(marker, unfinished))

    async def _welcome_readers(self, plane: UserPlane, now_ms: int) -> None:
        """Owes lists to those who read and are not kept, and forgets readers nobody knows."""
        if self._pauses():
            return
        try:
            came = await self._readers.came(now_ms // 1000)
            new = [user_id for user_id in came if user_id not in self._written_ms]
            known = [user_id for user_id in new if user_id in plane or self._profiles.get(user_id) is not None]
            self._owe(known)
            await self._readers.forget(set(new).difference(known))
        except RedisUnavailable as error:
            self._pause(error)

    def _walk(self, now_ms: int) -> None:
        census = self._census
        if census is None or self._idle:
            return
        count = 0
        for user_id, row in islice(census.rows, self._pace.rows_per_tick):
            count += 1
            if row is None:
                pass
            elif row.last_append_ms < now_ms - self._active_ms:
                self._idle.append((user_id, row.last_offset >= census.since))
            elif row.last_offset >= census.since:
                self._owe([user_id])
            elif user_id not in self._written_ms:
                self._unknown.append(user_id)
        if count < self._pace.rows_per_tick:
            self._census = None

    def _owe_renewals(self, plane: UserPlane, now_ms: int) -> None:
        for _ in range(min(self._pace.renewals_per_tick, len(self._unknown))):
            self._owe([self._unknown.popleft()])
        renew_ms = int(self._maker.expires_ms * self._pace.renew_at)
        while self._written_ms:
            user_id, written_ms = next(iter(self._written_ms.items()))
            if now_ms - written_ms < renew_ms:
                return
            del self._written_ms[user_id]
            if self._last_seen_ms(plane, user_id) >= now_ms - self._active_ms:
                self._owe([user_id])
            else:
                self._idle.append((user_id, True))

    async def _settle_idle(self, now_ms: int) -> None:
        asked = list(islice(self._idle, self._pace.rows_per_tick))
        if not asked:
            return
        try:
            reading = await self._readers.active([user_id for user_id, _ in asked], now_ms // 1000)
        except RedisUnavailable as error:
            self._pause(error)
            return
        for user_id, at_once in asked:
            self._idle.popleft()
            if user_id not in reading:
                self._shown.pop(user_id, None)
            elif at_once:
                self._owe([user_id])
            elif user_id not in self._written_ms:
                self._unknown.append(user_id)

    def _owe_after_catalogue_change(self) -> None:
        since, self._catalogue_version = self._catalogue_version, self._maker.catalogue_version
        if since == self._catalogue_version:
            return
        changed = self._maker.items_changed_since(since)
        self._owe(user for user, shown in self._shown.items() if changed is None or np.isin(shown.items, changed).any())

    def _owe_after_profile_change(self) -> None:
        since, self._profiles_version = self._profiles_version, self._profiles.version
        if since == self._profiles_version:
            return
        changed = self._profiles.changed_since(since)
        self._owe(self._shown if changed is None else changed)

    def _last_seen_ms(self, plane: UserPlane, user_id: str) -> int:
        user = plane.view(user_id)
        return self._profiles.said_ms(user_id) if user is None else user.row.last_append_ms

    # -- writing --------------------------------------------------------------------------------------------------

    async def _write(self, plane: UserPlane, users: list[str], next_offset: int) -> None:
        now_ms = self._now_ms()
        values: list[Group] = []
        gone: list[str] = []
        for user_id in users:
            profile = self._profiles.get(user_id)
            user = plane.view(user_id)
            if user is None and profile is not None:
                user = without_events(user_id, next_offset)
            if user is None:
                gone.append(user_id)
            else:
                items, of_user = self._maker.user_values(user, profile, self._partition, now_ms)
                self._shown[user_id] = Shown(items, user.row.last_offset, now_ms)
                values.append(of_user)
        try:
            await self._writer.write_together(values, self._list_ttl_s)
            await self._writer.remove_users_up_to(dict.fromkeys(gone, next_offset - 1))
        except RedisUnavailable as error:
            self._pause(error)
            return
        self.lists_written += len(values)
        for user_id in users:
            self._owed.pop(user_id, None)
            self._written_ms[user_id] = now_ms
            self._written_ms.move_to_end(user_id)
        for user_id in gone:
            self._written_ms.pop(user_id, None)
            self._shown.pop(user_id, None)

    async def _advance_marker(self, next_offset: int) -> None:
        """Moves the marker to the folded position once it was read and no list is owed.

        Only a marker that still is what was read may be moved: moving one that is gone or older would hide that Redis
        was wiped or failed over since.
        """
        if self._owed or self._idle or self._census is not None or self._marker is None or next_offset == self._marker:
            return
        known = None if self._marker == NO_MARKER else self._marker
        try:
            moved = await self._writer.move_written_position(self._partition, known, next_offset)
        except RedisUnavailable as error:
            self._pause(error)
            return
        if moved:
            self._marker = next_offset
        else:
            self._forget_marker()

    def _forget_marker(self) -> None:
        self._marker = None
        self._checked_ms = 0

    def _pauses(self) -> bool:
        """Whether Redis was away a moment ago; a clock that was set back meanwhile ends the pause."""
        return 0 < self._retry_at_ms - self._now_ms() <= self._pace.retry_ms

    def _pause(self, error: RedisUnavailable) -> None:
        logger.warning("partition %d: %s; %d lists wait", self._partition, error, len(self._owed))
        self._retry_at_ms = self._now_ms() + self._pace.retry_ms
        self._forget_marker()  # what answers next may be an older replica
