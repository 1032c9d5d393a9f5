"""Keeps the lists of one partition's users right in Redis: at once after an event, by a paced sweep otherwise.

A partition has a written position in Redis: the one before which every list is written, and the last write. It makes
three situations one: after a crash, a takeover or a failover to an older replica it is behind, and the lists of rows
from there on are pending, and those that were written since; after a wipe it is missing, and every active user's list
is pending, as it is when Redis fell back to before this owner; while Redis is away nothing is lost, because users stay
pending until their list is written. A full scan over the rows, a bounded number a tick, finds the pending ones. Lists
also become pending before they expire, when the catalogue changes an item that they show or may have more for a list
that is short, when their user's profile changes, when experiments start or stop, when a rule of an
operator begins or ends to hold, when items have learned much since they were made, when Redis lost one of their keys
(`agents.lists.list_maintenance`), and before all others when a reader found none. What users may see is said before any
list is made (`agents.lists.limits_writer`). A user with a profile has
a list before the first event; it reflects the position at which the partition held none of them. Users without an event
for the active days are kept as long as they read.

Redis refuses a list when it holds one that reflects more, which a former owner wrote before it ended, or one of a later
owner. Refused lists stay pending, and are tried again a few a tick: what the stored one shows may be out of date. Of
users who were erased while Redis fell back to an older state, what it holds is pending removal
(`agents.lists.list_rights`).

While events come faster than lists can be made, users take turns, and what keeps quiet users' lists right waits
(`agents.lists.overload`). Not while an owner looks for the record that ends workers: then lists are made before their
events are committed, so that a record whose list ends the process is found too (`agents.delivery.quarantine`).

A list that cannot be made because the code raises is left out, whenever it is made: records that it follows from may be
committed long since, and no other owner would come further. It is told once a user and reason, and tried again when the
user's row or what lists are made of changes (`agents.lists.failed_lists`). The stored one stays until then. Many users
in a row are no matter of a user: then the process ends.

A version that serves nobody writes no lists while it catches up with the log (`agents.replay.phases`). Then the
written position, which did not move, says what is pending.

What is remembered for that is kept apart: whose lists are pending (`pending_refresh`), the written position
(`written_checkpoint`), the lists that are shown (`shown_lists`), the scan (`full_scan`) and who reads
(`reader_liveness`).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

from agents.followers.profiles import PartitionProfiles
from agents.instruments import ListCause
from agents.lists.cold_start_users import everybody, without_events
from agents.lists.failed_lists import FailedList, FailedLists
from agents.lists.full_scan import FullScan
from agents.lists.limits_writer import LimitsWriter
from agents.lists.list_maintenance import ListMaintenance, MaintenanceBudgets
from agents.lists.list_maker import ROOM, ListMaker, UserValues
from agents.lists.list_rights import PartitionLists
from agents.lists.overload import Overload
from agents.lists.pending_refresh import PendingRefresh
from agents.lists.reader_liveness import ReaderLiveness
from agents.lists.reader_watch import ReaderWatch
from agents.lists.shown_lists import ShownLists, WrittenList, showing
from agents.lists.sweep_limits import KeeperSettings
from agents.lists.written_checkpoint import WrittenCheckpoint
from agents.replay.coordinator import PartitionReplay, always_live
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import CHUNK_LISTS, Group
from streams.contract.catalog import UserProfile
from tables.operator_rules import Place, Signature
from tables.user import User
from tables.user_plane import UserPlane

logger = logging.getLogger(__name__)

#: The most lists that are made at once before everything else in the process has its turn: transactions of other
#: partitions, the group's heartbeats.
LISTS_A_TURN = 100
#: The same in time: a transaction waits for some twenty turns, and is given up after 15 seconds, a session without
#: heartbeats after six. Turns begin with a few lists and grow to as many as take so long.
TURN_S = 0.02
FIRST_A_TURN = 3
#: Lists that are compared with a changed catalogue before that, a microsecond each.
COMPARED_A_TURN = 1_000

#: So many users in a row for whom no list can be made are no accident: lists of nobody would be right from now on.
MOST_FAILED_IN_A_ROW = 100

Users = TypeVar("Users", bound=Collection[str])
Asked = tuple[User, UserProfile | None]


class ListKeeper:
    """Owned by one partition task, which calls it between batches only: never two calls at a time."""

    def __init__(
        self,
        maker: ListMaker,
        writer: PartitionLists,
        profiles: PartitionProfiles,
        readers: ReaderWatch,
        now_ms: Callable[[], int],
        settings: KeeperSettings,
        replay: PartitionReplay | None = None,
        budgets: MaintenanceBudgets | None = None,
    ) -> None:
        self._maker = maker
        self._writer = writer
        self._profiles = profiles
        self._now_ms = now_ms
        self._list_ttl_s = settings.list_ttl_s
        self._sweep_limits = limits = settings.limits
        self._replay = replay or always_live()
        self._partition = writer.owner.partition
        self.maintenance = ListMaintenance(self._partition, budgets or MaintenanceBudgets())
        self._limits = LimitsWriter(maker, writer, profiles, settings.list_ttl_s)
        self._pending = PendingRefresh()
        self._lists = ShownLists()
        self._readers = ReaderLiveness(readers, profiles, settings.active_days, limits.missed_check_ms)
        self._full_scan = FullScan()
        self.overload = Overload(settings.overload_after_ms)
        self.coalesced = 0
        """Lists that were not made, because one that was made later shows what they would have."""
        self._checkpoint = WrittenCheckpoint(writer, limits.written_position_check_ms)
        self._retry_at_ms = 0
        self._catalogue_version = maker.catalogue_version
        self._experiments_version = maker.treatments.version
        self._rules_version = maker.rules_version
        self._lists_a_turn = FIRST_A_TURN
        self.lists_written = 0
        self.lists_failed = 0
        """How often a list could not be made, because the code raised."""
        self.failed = FailedLists()
        self._failed_in_a_row: set[str] = set()

    @property
    def pending(self) -> int:
        """How many lists wait to be written."""
        return self._pending.due

    @property
    def wait(self) -> bool:
        """Whether no lists are made yet, because the version catches up."""
        return self._replay.lists_wait

    @property
    def kept(self) -> int:
        """How many lists this process keeps right."""
        return self._lists.kept

    def shown(self, user_id: str) -> NDArray[np.int32] | None:
        """Item indices of the list that the user has, best first; None when this process wrote none."""
        return self._lists.items_of(user_id)

    def current_list(self, user_id: str, offset: int) -> NDArray[np.int32] | None:
        """Item indices of the user's list, if this process made it in the last minutes, it reflects the offset, and it
        is a full one."""
        items = self._lists.current(user_id, offset, self._now_ms())
        return None if items is None or ROOM in items[-1:] else items[: self._maker.list_size]

    async def refresh(
        self, plane: UserPlane, users: Collection[str], next_offset: int, *, at_once: bool = False
    ) -> None:
        """Rewrites the lists of `users` now; while Redis is away they are pending instead, and under overload it is the
        turn of those who have waited for longest, unless it is to be `at_once`.

        While lists wait nothing is written, nor remembered: the written position says later what is pending.
        """
        # Their own events: guests' are of other partitions, and say nothing of what waits in this one.
        appended = [user.row.last_append_ms for user_id in users if (user := plane.own(user_id)) is not None]
        now_ms = self._now_ms()
        if appended:
            self._replay.folded(now_ms - max(appended))
        if self._replay.lists_wait:
            self._pending.clear()
            self._full_scan.end()
            self._checkpoint.doubt()
            return
        if appended:
            self.overload.folded(now_ms - max(appended), next_offset)
        waited = self._pending.due
        self._pending.add(users)
        turn = list(users)
        if self.overload.is_on and not at_once:
            self.coalesced += waited + len(users) - self._pending.due
            turn = self._pending.first(self.overload.lists_a_batch)
        if not self.pauses:
            with self._pausing():
                await self._write(plane, turn, next_offset)
                await self._advance_checkpoint(plane, next_offset)

    async def sweep(self, plane: UserPlane, next_offset: int, *, waits: bool = False) -> None:
        """Does a bounded part of what time, Redis or the catalogue made necessary; called at least every tick. `waits`:
        records have come that are not folded yet."""
        self.overload.ticked(self._now_ms(), waits=waits)
        if self.pauses or self._replay.lists_wait:
            return
        now_ms, limits = self._now_ms(), self._sweep_limits
        with self._pausing():
            if self._checkpoint.is_due(now_ms):
                await self._look_at_checkpoint(plane, now_ms)
                self._pending.add(await self._readers.came(plane, self._lists, now_ms), ListCause.READER)
            self._pending.add_missed(await self._readers.missed(plane, now_ms))
            self._scan_on(now_ms)  # whom a former owner let wait take their turns with the others
            if is_overloaded := self.overload.is_on:
                first = self._pending.missed(limits.lists_per_tick)
            else:
                self._pending.take_up(limits.renewals_per_tick)
                self._renew(plane, now_ms)
                if len(self.failed):
                    self._pending.add(self.failed.to_retry(now_ms, self._maker.made_of), ListCause.RETRIED)
                await self._settle_idle(now_ms)
            await self._follow_catalogue()
            await self._follow_experiments(plane, next_offset)
            await self._follow_rules()
            self._pending.add_first(
                await self._limits.tell(plane, next_offset, self._lists.all, now_ms, limits.rows_per_tick),
                ListCause.PROFILE,
            )
            if not is_overloaded:
                await self._maintain(now_ms)
                first = self._pending.first(limits.lists_per_tick)
            if first:
                await self._write(plane, first, next_offset)
            await self._advance_checkpoint(plane, next_offset)

    def concern(self, users: Collection[str]) -> None:
        """Lists of these users are out of date with what their guests did."""
        self._pending.add(users, ListCause.GUEST)

    async def forget(self, users: Collection[str]) -> bool:
        """Removes everything that Redis holds of `users`; False while Redis is away, and then it is to be repeated."""
        return await self._forget(users, self._writer.remove_users)

    async def forget_idle(self, last_offsets: Mapping[str, int]) -> bool:
        """The same for users by the last offset of their rows, unless a later one made a list meanwhile."""
        return await self._forget(last_offsets, self._writer.remove_users_up_to)

    async def _forget(self, users: Users, remove: Callable[[Users], Awaitable[int]]) -> bool:
        self._pending.drop(users)
        self._readers.drop(users)
        self._lists.drop(users)
        self.failed.made(users)
        if self.pauses:
            return False
        with self._pausing():
            await remove(users)
            await self._readers.forget(users, self._now_ms())
            return True
        return False

    # -- what is pending ------------------------------------------------------------------------------------------

    async def _look_at_checkpoint(self, plane: UserPlane, now_ms: int) -> None:
        found = await self._checkpoint.look(now_ms)
        if found is None:
            return
        logger.info("partition %d: lists in Redis are written up to %s", self._partition, found.written_position)
        self._full_scan.begin(everybody(plane, self._profiles), found.since)
        if found.fell:  # no position tells what former owners wrote after a profile or the catalogue changed
            self._limits.doubt()
        if found.written_position is not None:  # else the scan finds everybody
            later = self._lists.written_after(found.written_position.order)
            self._limits.doubt(later)
            self._pending.add(later, ListCause.RESTORED)

    def _scan_on(self, now_ms: int) -> None:
        if self._readers.asks:  # about those whom the scan met before
            return
        since = self._full_scan.since
        for user_id, row in self._full_scan.next(self._sweep_limits.rows_per_tick):
            if not self._readers.is_active(row.last_append_ms, now_ms):
                self._readers.ask_for(user_id, at_once=row.last_offset >= since)
            elif row.last_offset >= since:
                self._pending.add([user_id], ListCause.RESTORED)
            elif not self._lists.is_written(user_id):
                self._pending.add_undated(user_id)

    def _renew(self, plane: UserPlane, now_ms: int) -> None:
        for user_id in self._lists.take_old(now_ms, int(self._maker.expires_ms * self._sweep_limits.renew_at)):
            if self._readers.is_active(self._readers.last_seen_ms(plane, user_id), now_ms):
                self._pending.add([user_id], ListCause.AGE)
            else:
                self._readers.ask_for(user_id, at_once=True)

    async def _settle_idle(self, now_ms: int) -> None:
        for idle, reads in await self._readers.answers(now_ms, self._sweep_limits.rows_per_tick):
            if not reads:
                self._lists.hide(idle.user_id)
            elif idle.at_once:
                self._pending.add([idle.user_id], ListCause.READER)
            elif not self._lists.is_written(idle.user_id):
                self._pending.add_undated(idle.user_id)

    async def _follow_catalogue(self) -> None:
        """Lists that show an item whose catalogue entry changed, and short ones, are pending."""
        since, self._catalogue_version = self._catalogue_version, self._maker.catalogue_version
        if since == self._catalogue_version:
            return
        changed = self._maker.items_changed_since(since)
        if changed is None:
            self._pending.add(self._lists.all, ListCause.CATALOGUE)
            return
        for compared in self._lists.in_parts(COMPARED_A_TURN):
            concerned = showing([shown.items for _, shown in compared], changed)
            users = (user_id for user_id, _ in compared)
            shown = (user_id for user_id, shows in zip(users, concerned.tolist(), strict=True) if shows)
            self._pending.add(shown, ListCause.CATALOGUE)
            await asyncio.sleep(0)

    async def _follow_experiments(self, plane: UserPlane, next_offset: int) -> None:
        """Lists of users who are in other experiments, or variants, than when they were made are pending. Those of
        former owners are made again in any case."""
        treatments = self._maker.treatments
        since, self._experiments_version = self._experiments_version, treatments.version
        if since == self._experiments_version:
            return
        for compared in self._lists.in_parts(COMPARED_A_TURN):
            for user_id, shown in compared:
                if not treatments.may_differ(user_id, shown.treatment):
                    continue
                user = self._user(plane, user_id, next_offset)
                if (
                    user is not None
                    and treatments.of((user, self._profiles.get(user_id))).names != shown.treatment.names
                ):
                    self._pending.add([user_id], ListCause.EXPERIMENT)
            await asyncio.sleep(0)

    async def _follow_rules(self) -> None:
        """Lists of users whom other rules of operators concern than when they were made are pending; what a block takes
        is a change of the catalogue."""
        since, self._rules_version = self._rules_version, self._maker.rules_version
        if since == self._rules_version:
            return
        now: dict[Place, Signature] = {}
        for compared in self._lists.in_parts(COMPARED_A_TURN):
            for place in {shown.place for _, shown in compared} - now.keys():
                now[place] = self._maker.rules_at(place)
            outdated = [user_id for user_id, shown in compared if shown.rules.is_outdated(now[shown.place])]
            self._pending.add(outdated, ListCause.RULE)
            await asyncio.sleep(0)

    async def _maintain(self, now_ms: int) -> None:
        """Lists that maintenance finds are pending, unless all that are is already more than a tick can write."""
        if self._full_scan.under_way or self._pending.due >= self._sweep_limits.lists_per_tick:
            return
        self._pending.add(self.maintenance.outdated(self._lists.all, self._maker, now_ms), ListCause.LEARNED)
        incomplete = await self.maintenance.incomplete(self._lists.all, self._writer, now_ms)
        self._pending.add(incomplete, ListCause.LOST)

    # -- writing --------------------------------------------------------------------------------------------------

    async def _write(self, plane: UserPlane, users: list[str], next_offset: int) -> None:
        """Makes and writes lists, some at a time: what is made does not wait in memory for the rest."""
        for start in range(0, len(users), CHUNK_LISTS):
            await self._write_some(plane, users[start : start + CHUNK_LISTS], next_offset)

    async def _write_some(self, plane: UserPlane, users: list[str], next_offset: int) -> None:
        now_ms = self._now_ms()
        known = {user_id: user for user_id in users if (user := self._user(plane, user_id, next_offset)) is not None}
        values = await self._make(known, now_ms)
        listed, gone = list(values), [user_id for user_id in users if user_id not in known]
        failed = known.keys() - values.keys()
        began_s = asyncio.get_running_loop().time()
        result = await self._writer.write_together(list(values.values()), self._list_ttl_s)
        self._maker.times.stages["write"] += asyncio.get_running_loop().time() - began_s
        await self._writer.remove_users_up_to(dict.fromkeys(gone, next_offset - 1))
        await self._readers.forget(gone, now_ms)
        self.lists_written += result.written
        refused = dict.fromkeys(listed[place] for place in result.refused)
        self._note_written(plane, [user_id for user_id in listed if user_id not in refused])
        self._pending.done(users)
        self._lists.wrote(listed, now_ms, self._writer.owner.order)
        self._lists.drop((*gone, *refused, *failed))
        if len(self.failed):
            self.failed.made((*listed, *gone))
        self._pending.add_refused(refused)

    def _note_written(self, plane: UserPlane, listed: Sequence[str]) -> None:
        """Redis took lists of pending users: readers find them from now on."""
        times, now_ms, shown_ms = self._maker.times, self._now_ms(), []
        for user_id in listed:
            cause = self._pending.cause(user_id)
            times.written[cause] += 1
            # What a linked guest does is not in the list that their profile gives them.
            own = plane.own(user_id) if cause is ListCause.EVENT and not plane.is_guest(user_id) else None
            if own is not None:
                shown_ms.append(now_ms - own.row.last_append_ms)
        if shown_ms:
            times.readable.observe_all(np.array(shown_ms) / 1000)

    async def _make(self, users: Mapping[str, User], now_ms: int) -> dict[str, Group]:
        """By user, without those for whom no list can be made."""
        values: dict[str, Group] = {}
        asked = [(user, self._profiles.get(user_id)) for user_id, user in users.items()]
        while asked:
            turn, asked = asked[: self._lists_a_turn], asked[self._lists_a_turn :]
            for (user, _), made in self._made_in_turn(turn, now_ms):
                offset = user.row.last_offset
                keys = len(made.values)
                under = made.treatment, made.rules, made.place
                shown = WrittenList(made.items, offset, now_ms, made.basis, keys, *under)
                self._lists.made(user.user_id, shown)
                values[user.user_id] = made.values
            await asyncio.sleep(0)
        return values

    def _made_in_turn(self, asked: Sequence[Asked], now_ms: int) -> list[tuple[Asked, UserValues]]:
        """What all of them get for whom it can be made, and from now on as many a turn as take no longer than one."""
        clock = asyncio.get_running_loop()
        began_s = clock.time()
        try:
            values = self._maker.values_of(asked, self._partition, now_ms)
            made = list(zip(asked, values, strict=True))
            self._failed_in_a_row.clear()
        except Exception:  # noqa: BLE001  whose list it was is found out one by one
            made = [(one, own) for one in asked if (own := self._made_alone(one, now_ms)) is not None]
        took_s = clock.time() - began_s
        fitting = int(len(asked) * TURN_S / took_s) if took_s > 0 else LISTS_A_TURN
        self._lists_a_turn = max(1, min(fitting, 2 * self._lists_a_turn, LISTS_A_TURN))
        return made

    def _made_alone(self, asked: Asked, now_ms: int) -> UserValues | None:
        """What a user gets; None when it cannot be made. Raises what is raised for too many in a row."""
        user_id, offset = asked[0].user_id, asked[0].row.last_offset
        try:
            (values,) = self._maker.values_of([asked], self._partition, now_ms)
        except Exception as error:
            found = FailedList(user_id, offset, asked[0].row.last_append_ms, f"{type(error).__name__}: {error}")
            if self.failed.failed(found, now_ms, self._maker.made_of):
                self._failed_in_a_row.add(user_id)
                if len(self._failed_in_a_row) > MOST_FAILED_IN_A_ROW:
                    raise
                logger.critical(
                    "partition %d: no list of the user of record %d can be made", self._partition, offset, exc_info=True
                )
            self.lists_failed += 1
            return None
        self._failed_in_a_row.clear()
        return values

    def _user(self, plane: UserPlane, user_id: str, next_offset: int) -> User | None:
        user = plane.view(user_id)
        if user is None:
            return None if self._profiles.get(user_id) is None else without_events(user_id, next_offset)
        if user.row.last_offset < 0:  # what their guests did is all that is known
            user.row.last_offset = next_offset - 1
        return user

    async def _advance_checkpoint(self, plane: UserPlane, next_offset: int) -> None:
        """Moves the checkpoint to the folded position and the last write once no list is pending."""
        self._pending.add(self._writer.take_doubtful(), ListCause.RESTORED)
        if not (self._pending.due or self._readers.asks or self._full_scan.under_way):
            await self._checkpoint.advance(next_offset, plane.erasures_applied)

    # -- while Redis is away --------------------------------------------------------------------------------------

    @property
    def pauses(self) -> bool:
        """Whether Redis was away a moment ago; a clock that was set back meanwhile ends the pause."""
        return 0 < self._retry_at_ms - self._now_ms() <= self._sweep_limits.retry_ms

    @contextmanager
    def _pausing(self) -> Iterator[None]:
        """Should Redis not answer, what is left of the work inside waits for the pause that begins."""
        try:
            yield
        except RedisUnavailable as error:
            logger.warning("partition %d: %s; %d lists wait", self._partition, error, self._pending.due)
            self._retry_at_ms = self._now_ms() + self._sweep_limits.retry_ms
            self._checkpoint.doubt()  # what answers next may be an older replica
