"""When lists are pending: after events, outages, wipes, takeovers, catalogue changes and before they expire."""

import asyncio
from collections.abc import Collection, Mapping, Sequence
from typing import Any

import msgspec
import numpy as np
import pytest
from made_up_experiments import QUIET, everybody, running
from numpy.typing import NDArray

from agents.followers.profiles import PartitionProfiles
from agents.followers.recent_changes import REMEMBERED_CHANGES
from agents.instruments import ListTimes
from agents.lists.cold_start_users import everybody as met_by_scan
from agents.lists.failed_lists import RETRY_MS, FailedList
from agents.lists.list_basis import NOTHING, ListBasis
from agents.lists.list_keeper import LISTS_A_TURN, MOST_FAILED_IN_A_ROW, ListKeeper
from agents.lists.list_maintenance import MaintenanceBudgets
from agents.lists.list_maker import ROOM, UserValues
from agents.lists.rate_budget import RateBudget
from agents.lists.reader_watch import PAGE, ReaderWatch
from agents.lists.shown_lists import YOUNG_LIST_MS
from agents.lists.sweep_limits import KeeperSettings, SweepLimits
from agents.lists.treatments import Treatments
from agents.replay.coordinator import ReplayCoordinator
from agents.replay.phases import ItemsLearned, Looked
from ranking.settings import RankingSettings
from serving.experiments import ExperimentBook
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import Told, WriteResult
from serving.write_order import PartitionOwner, WrittenPosition
from streams.contract.catalog import UserProfile, viewer_age
from streams.contract.events import EventType, Interaction
from streams.contract.experiments import Experiment, Targeting, Variant
from streams.contract.partitioning import partition_of
from streams.contract.units import DAY_MS
from streams.kafka.caught_up import FALLEN_BEHIND_MS
from tables import guest_part
from tables.operator_rules import NO_RULES, Place, Signature
from tables.user_plane import FoldLimits, Linked, User, UserPlane

NOW_MS = 1_800_000_000_000
EXPIRES_MS = 100_000


class Clock:
    def __init__(self) -> None:
        self.ms = NOW_MS

    def __call__(self) -> int:
        return self.ms


class Maker:
    """Lists of one item each: the number at the end of the user's name."""

    expires_ms = EXPIRES_MS
    list_size = 1

    def __init__(self) -> None:
        self.catalogue_version = self.rules_version = 0
        self.rules: dict[str, Signature] = {}
        self.book = ExperimentBook()
        self.treatments = Treatments(self.book, RankingSettings())
        self.basis = NOTHING
        self.room: list[int] = []
        self.changed: NDArray[np.int32] | None = np.array([], np.int32)
        self.broken: set[str] = set()  # whose lists cannot be made
        self.times = ListTimes()

    def values_of(
        self, asked: Sequence[tuple[User, UserProfile | None]], partition: int, now_ms: int
    ) -> list[UserValues]:
        return [self._made(*one) for one in asked]

    def _made(self, user: User, profile: UserProfile | None) -> UserValues:
        if user.user_id in self.broken:
            raise ZeroDivisionError(user.user_id)
        said = b"" if profile is None else b" from %s" % (profile.country or "").encode()
        items = np.array([int(user.user_id[1:]), *self.room], np.int32)
        values = [(user.user_id, b"%d%s" % (user.row.last_offset, said))]
        place = "", user.user_id
        return UserValues(items, values, self.basis, self.treatments.of((user, profile)), self.rules_at(place), place)

    def rules_at(self, place: Place) -> Signature:
        return self.rules.get(place[1], NO_RULES)

    @property
    def made_of(self) -> tuple[int, ...]:
        return self.catalogue_version, self.basis.events

    def outdated(self, lists: Sequence[tuple[ListBasis, int]]) -> list[bool]:
        return [basis != self.basis for basis, _ in lists]

    def list_key(self, user_id: str) -> str:
        return user_id

    def audience(self, user: User, profile: UserProfile | None, now_ms: int) -> tuple[str, bytes]:
        return f"audience of {user.user_id}", b"%d" % viewer_age(profile, "16")

    def items_changed_since(self, catalogue_version: int) -> NDArray[np.int32] | None:
        return self.changed


class Writer:
    """Redis as a dictionary that can be away."""

    def __init__(self) -> None:
        self.lists: dict[str, bytes] = {}
        self.writes: list[str] = []
        self.marked: WrittenPosition | None = None
        self.away = False
        self.owner: PartitionOwner | None = None
        self.newer: set[str] = set()  # of whom a list is stored that reflects more
        self.ahead: set[str] = set()  # whose list reflects an event that this owner has not folded
        self.audiences: dict[str, bytes] = {}
        self.fell_back = False  # to before this owner

    def _answer(self) -> None:
        if self.away:
            raise RedisUnavailable("away")

    @property
    def position(self) -> int | None:
        return None if self.marked is None else self.marked.position

    @position.setter
    def position(self, position: int | None) -> None:
        self.marked = None if position is None else WrittenPosition(position)

    async def write_together(self, groups: list[list[tuple[str, bytes]]], ttl_s: int) -> WriteResult:
        self._answer()
        assert self.owner is not None
        self.owner.next()
        assert ttl_s == 7
        refused = tuple(place for place, group in enumerate(groups) if group[0][0] in self.newer)
        for group in (group for place, group in enumerate(groups) if place not in refused):
            self.lists.update(group)
            self.writes += [key for key, _ in group]
        return WriteResult(len(groups) - len(refused), refused)

    async def change_audiences(self, values: list[tuple[str, str, bytes, int]], ttl_s: int) -> list[Told]:
        self._answer()
        assert ttl_s == 7
        return [self._told(*one) for one in values]

    def _told(self, listed: str, key: str, value: bytes, offset: int) -> Told:
        if listed in self.ahead:
            return Told.LEFT_ALONE
        before, self.audiences[key] = self.audiences.get(key), value
        return Told.CHANGED if listed in self.lists and before != value else Told.SAME

    async def remove_users_up_to(self, users: dict[str, int]) -> None:
        self._answer()
        for user_id in users:
            self.lists.pop(user_id, None)

    async def remove_users(self, users: Collection[str]) -> None:
        self._answer()
        for user_id in users:
            self.lists.pop(user_id, None)

    async def incomplete(self, keys_of: Mapping[str, int]) -> list[str]:
        self._answer()
        return [user_id for user_id in keys_of if user_id not in self.lists]

    def take_doubtful(self) -> list[str]:
        return []

    def take_fall(self) -> bool:
        fell, self.fell_back = self.fell_back, False
        return fell

    def knows_of(self, erasures: int) -> bool:
        return True

    async def written_position(self) -> WrittenPosition | None:
        self._answer()
        return self.marked

    async def advance_written_position(
        self, known: WrittenPosition | None, written_position: WrittenPosition, erasures: int
    ) -> bool:
        self._answer()
        if self.marked != known:
            return False
        self.marked = written_position
        return True


class Marks:
    """Reads by user, as Redis would keep them."""

    def __init__(self) -> None:
        self.reads: dict[str, int] = {}
        self.missed: list[str] = []

    async def noted_since(self, since_s: int, limit: int) -> list[tuple[str, int]]:
        found = sorted((second, user_id) for user_id, second in self.reads.items() if second >= since_s)
        return [(user_id, second) for second, user_id in found[:limit]]

    async def who_read(self, users: Sequence[str], since_s: int) -> set[str]:
        assert len(users) <= 2, "more than a tick may look at"
        return {user_id for user_id in users if self.reads.get(user_id, 0) >= since_s}

    async def take_missed(self, limit: int) -> list[str]:
        taken, self.missed = self.missed[:limit], self.missed[limit:]
        return taken

    async def remove(self, users: Collection[str], up_to_s: int) -> None:
        for user_id in users:
            if self.reads.get(user_id, 0) <= up_to_s:
                self.reads.pop(user_id, None)

    async def remove_before(self, second: int) -> None:
        self.reads = {user_id: at_s for user_id, at_s in self.reads.items() if at_s >= second}


class World:
    """One partition with `users` users, user N's only event at offset N."""

    def __init__(self, users: int, days_idle: int = 0) -> None:
        self.clock, self.maker, self.writer, self.marks = Clock(), Maker(), Writer(), Marks()
        self.guests: set[str] = set()
        self.parts: dict[str, dict[str, bytes]] = {}
        self.plane = UserPlane(0, 1, {}, FoldLimits(), linked=Linked(self.guests, self.parts))
        self.profiles = PartitionProfiles()
        self.next_offset = 0
        self.budgets = MaintenanceBudgets()
        for number in range(users):
            self.event(f"u{number}", NOW_MS - days_idle * DAY_MS)
        self.keeper = self.new_owner()

    def event(self, user_id: str, at_ms: int = NOW_MS) -> str:
        assert partition_of(user_id.encode(), 1) == 0
        event = Interaction(f"e{self.next_offset}", EventType.CLICK, user_id, "item", at_ms)
        self.plane.fold(event, user_id.encode(), self.next_offset, at_ms)
        self.next_offset += 1
        return user_id

    def new_owner(self, *, serves: bool = True, overload_after_ms: int = 0) -> ListKeeper:
        sweep_limits = SweepLimits(lists_per_tick=3, rows_per_tick=2, renewals_per_tick=1)
        readers = ReaderWatch(self.marks, 30)
        self.replay = ReplayCoordinator("t", 1, 0, lambda: serves, lambda: {0: ""})
        self.owner = self.writer.owner = PartitionOwner(0, term=1)
        return ListKeeper(
            self.maker,
            self.writer,
            self.profiles,
            readers,
            self.clock,
            KeeperSettings(30, 7, sweep_limits, overload_after_ms),
            self.replay.of(0, lambda: 0),
            self.budgets,  # type: ignore[arg-type]
        )

    def arrive(self) -> None:
        """The partition is at the end of its log, and items have learned everything."""
        self.replay.observe(Looked({}, frozenset(), frozenset({0})))
        self.replay.observe(ItemsLearned())

    def says(self, user_id: str, country: str | None, at_ms: int = NOW_MS) -> None:
        value = None if country is None else b'{"user_id":"%s","country":"%s"}' % (user_id.encode(), country.encode())
        self.profiles.put(user_id, value, at_ms)

    async def sweep(self, ticks: int = 40) -> None:
        for _ in range(ticks):
            self.clock.ms += 200
            await self.keeper.sweep(self.plane, self.next_offset)


async def test_an_event_rewrites_its_users_list_and_moves_the_marker() -> None:
    world = World(users=2)
    await world.sweep()
    world.writer.writes.clear()
    await world.keeper.refresh(world.plane, [world.event("u1")], world.next_offset)
    assert world.writer.writes == ["u1"]
    assert world.writer.lists["u1"] == b"2"
    assert world.writer.position == world.next_offset == 3


async def test_nothing_is_lost_while_redis_is_away() -> None:
    world = World(users=2)
    await world.sweep()
    world.writer.away = True
    await world.keeper.refresh(world.plane, [world.event("u1")], world.next_offset)
    await world.keeper.refresh(world.plane, [world.event("u9")], world.next_offset)
    assert (world.writer.lists["u1"], world.writer.position) == (b"1", 2)
    world.writer.away = False
    await world.sweep()
    assert (world.writer.lists["u1"], world.writer.lists["u9"]) == (b"2", b"3")
    assert world.writer.position == 4


async def test_a_list_that_redis_refuses_stays_pending_and_holds_nobody_up() -> None:
    world = World(users=6)
    await world.sweep()
    world.writer.newer = {"u1", "u2"}
    for user_id in world.writer.newer:
        world.says(user_id, "NL")
    await world.keeper.refresh(world.plane, [world.event("u3")], world.next_offset)
    await world.sweep()
    assert (world.writer.lists["u1"], world.writer.lists["u3"]) == (b"1", b"6")
    assert world.writer.position == world.next_offset  # what Redis holds reflects more
    assert world.keeper.shown("u1") is None
    world.writer.newer.clear()
    await world.sweep(ticks=2)
    assert (world.writer.lists["u1"], world.writer.lists["u2"]) == (b"1 from NL", b"2 from NL")


async def test_a_failover_that_takes_back_what_a_sweep_wrote_is_noticed() -> None:
    world = World(users=3)
    await world.sweep()
    before = dict(world.writer.lists), world.writer.marked
    world.says("u1", "NL")
    await world.sweep()
    assert world.writer.position == 3  # no event came
    world.writer.lists, world.writer.marked = before
    world.writer.writes.clear()
    await world.sweep()
    assert world.writer.lists["u1"] == b"1 from NL"
    assert world.writer.writes == ["u1"]


async def test_a_failover_that_takes_back_what_a_former_owner_wrote_is_noticed() -> None:
    """The next owner wrote none of it, and the marker is what the next owner found: only the right to write is gone."""
    world = World(users=9)
    for number in (1, 7):
        world.says(f"u{number}", "NL")
    await world.sweep()
    lists, audiences, marked = dict(world.writer.lists), dict(world.writer.audiences), world.writer.marked
    world.says("u7", "DE")
    world.profiles.put("u1", b'{"kids":true}', NOW_MS)
    world.maker.catalogue_version, world.maker.changed = 1, np.array([2], np.int32)
    await world.sweep()
    children = dict(world.writer.audiences)
    world.keeper = world.new_owner()
    await world.sweep(ticks=2)  # its full scan met everybody, and it wrote hardly any list
    world.writer.lists, world.writer.audiences, world.writer.marked = lists, audiences, marked
    world.writer.lists["u2"] = b"old"
    world.writer.fell_back = True
    world.writer.writes.clear()
    await world.sweep(ticks=6)
    assert world.writer.audiences == children
    assert (world.writer.lists["u1"], world.writer.lists["u7"]) == (b"1 from ", b"7 from DE")
    assert world.writer.lists["u2"] == b"2"


async def test_what_a_child_may_see_is_said_as_soon_as_redis_takes_it_though_its_list_waits() -> None:
    """A former owner wrote a list of an event that it did not commit, and this one has not come to it yet."""
    world = World(users=9)
    world.keeper = world.new_owner(overload_after_ms=5_000)
    await world.sweep()
    world.writer.ahead = {"u8"}
    for user_id in ("u7", "u8"):
        world.profiles.put(user_id, b'{"kids":true}', NOW_MS)
    await world.sweep(ticks=4)
    child = world.writer.audiences["audience of u7"]
    assert "audience of u8" not in world.writer.audiences
    world.writer.writes.clear()
    await world.keeper.refresh(
        world.plane, [world.event(f"u{n}", world.clock.ms - 10_000) for n in range(9)], world.next_offset
    )
    world.writer.ahead.clear()
    await world.sweep(ticks=1)
    assert "u8" not in world.writer.writes, "its list takes its turn"
    assert world.writer.audiences["audience of u8"] == child


async def test_what_people_may_see_is_said_first_after_a_wipe() -> None:
    world = World(users=20)
    world.profiles.put("u19", b'{"kids":true}', NOW_MS)
    await world.sweep()
    said = dict(world.writer.audiences)
    world.writer.lists.clear()
    world.writer.audiences.clear()
    world.writer.position, world.writer.fell_back = None, True
    world.clock.ms += 1_000
    await world.keeper.sweep(world.plane, world.next_offset)
    assert world.writer.audiences == said
    await world.sweep()
    assert len(world.writer.lists) == 20


async def test_a_list_dated_by_a_clock_that_was_set_back_is_renewed() -> None:
    world = World(users=2)
    world.clock.ms += 400 * DAY_MS
    world.event("u0", world.clock.ms)
    world.event("u1", world.clock.ms)
    await world.sweep()
    world.clock.ms -= 400 * DAY_MS
    world.writer.writes.clear()
    await world.sweep(ticks=3)
    assert set(world.writer.writes) == {"u0", "u1"}
    world.writer.writes.clear()
    await world.sweep(ticks=3)
    assert world.writer.writes == []


async def test_a_clock_set_back_while_redis_is_away_holds_no_list_up() -> None:
    world = World(users=2)
    await world.sweep()
    world.writer.away = True
    await world.keeper.refresh(world.plane, [world.event("u1")], world.next_offset)
    world.writer.away = False
    world.clock.ms -= DAY_MS
    await world.sweep()
    assert (world.writer.lists["u1"], world.writer.position) == (b"2", 3)


async def test_a_wiped_redis_gets_every_active_users_list_back_without_an_event() -> None:
    world = World(users=7)
    await world.sweep()
    world.writer.lists.clear()
    world.writer.position = None
    await world.sweep()
    assert len(world.writer.lists) == 7
    assert world.writer.position == 7


@pytest.mark.parametrize("found", [None, 2])
async def test_a_wipe_or_an_older_replica_is_noticed_under_a_steady_load_too(found: int | None) -> None:
    world = World(users=7)
    await world.sweep()
    world.writer.lists = {} if found is None else {"u0": b"0", "u1": b"1"}
    world.writer.position = found
    for _ in range(40):  # every batch moves the marker, sooner than the sweep looks at it
        await world.keeper.refresh(world.plane, [world.event("u0")], world.next_offset)
        await world.sweep(ticks=1)
    assert set(world.writer.lists) == {f"u{n}" for n in range(7)}
    assert world.writer.position == world.next_offset


async def test_users_idle_for_longer_than_the_active_days_get_no_list() -> None:
    world = World(users=3, days_idle=31)
    world.event("u5")
    await world.sweep()
    assert set(world.writer.lists) == {"u5"}


async def test_users_who_only_read_keep_their_lists() -> None:
    world = World(users=5, days_idle=31)
    world.marks.reads = {"u1": NOW_MS // 1000 - 29 * 86_400, "u2": NOW_MS // 1000 - 31 * 86_400}
    await world.sweep()
    assert set(world.writer.lists) == {"u1"}
    for _ in range(3):
        world.writer.writes.clear()
        world.clock.ms += EXPIRES_MS
        await world.sweep()
        assert world.writer.writes == ["u1"]
    world.clock.ms += 2 * DAY_MS  # the read is too long ago by now
    world.writer.writes.clear()
    await world.sweep()
    assert world.writer.writes == []


async def test_a_reader_who_comes_back_gets_a_list_again_and_strangers_leave_no_mark() -> None:
    world = World(users=5, days_idle=31)
    await world.sweep()
    assert world.writer.lists == {}
    world.marks.reads = dict.fromkeys(("u3", "nobody"), world.clock.ms // 1000)
    await world.sweep(ticks=10)
    assert set(world.writer.lists) == {"u3"}
    assert set(world.marks.reads) == {"u3"}


async def test_a_reader_who_finds_no_list_gets_it_back_before_all_that_is_pending() -> None:
    world = World(users=30)
    await world.sweep()
    world.writer.lists.clear()
    world.writer.position = None  # all are pending, three a tick
    await world.sweep(ticks=6)
    assert "u29" not in world.writer.lists
    world.marks.missed = ["nobody", "u29"]
    await world.sweep(ticks=3)
    assert "u29" in world.writer.lists
    assert len(world.writer.lists) < 30
    assert world.marks.missed == []


async def test_a_reader_is_not_forgotten_while_redis_is_away() -> None:
    world = World(users=4, days_idle=31)
    await world.sweep()
    world.marks.missed = ["u2"]
    world.writer.away = True
    await world.sweep(ticks=5)
    world.writer.away = False
    await world.sweep()
    assert set(world.writer.lists) == {"u2"}


async def test_what_redis_lost_comes_back_without_a_read() -> None:
    world = World(users=7)
    await world.sweep()
    world.writer.writes.clear()
    del world.writer.lists["u3"]
    await world.sweep()
    assert world.writer.writes == ["u3"]


async def test_lists_are_made_again_once_items_know_more_and_then_no_more() -> None:
    world = World(users=7)
    await world.sweep()
    world.writer.writes.clear()
    world.maker.basis = NOTHING._replace(visits=9.0)
    await world.sweep()
    assert sorted(world.writer.writes) == [f"u{n}" for n in range(7)]
    assert world.writer.position == world.next_offset


async def test_no_more_lists_are_made_again_than_a_process_may_make() -> None:
    world = World(users=30)
    world.budgets = MaintenanceBudgets(remade=RateBudget(per_s=5))
    world.keeper = world.new_owner()
    await world.sweep()
    world.writer.writes.clear()
    world.maker.basis = NOTHING._replace(visits=9.0)
    await world.sweep(ticks=10)  # two seconds, and what was left of the one before
    assert 10 <= len(world.writer.writes) <= 15
    await world.sweep(ticks=60)
    assert sorted(world.writer.writes) == sorted(f"u{n}" for n in range(30))


async def test_whoever_is_forgotten_leaves_no_mark() -> None:
    world = World(users=2, days_idle=31)
    world.marks.reads = {"u0": NOW_MS // 1000, "u1": NOW_MS // 1000}
    await world.sweep()
    assert await world.keeper.forget(["u0"])
    assert (set(world.marks.reads), set(world.writer.lists)) == ({"u1"}, {"u1"})


async def test_more_readers_in_a_second_than_a_page_hold_nobody_up() -> None:
    marks, now_s = Marks(), NOW_MS // 1000
    watch = ReaderWatch(marks, 30)
    marks.reads = {f"u{n}": now_s for n in range(3 * PAGE)} | {"later": now_s + 1}
    seen = [await watch.came(now_s + 1) for _ in range(3)]
    assert [len(users) <= PAGE for users in seen] == [True] * 3
    assert "later" in seen[-1]


async def test_the_marker_does_not_move_before_the_full_scan_is_complete() -> None:
    world = World(users=7)
    await world.sweep(ticks=1)
    assert world.writer.position is None


async def test_a_new_owner_queues_only_what_the_written_position_does_not_cover_first() -> None:
    world = World(users=6)
    world.writer.position = 4  # the former owner died before it wrote the lists of offsets 4 and 5
    await world.sweep(ticks=3)
    assert set(world.writer.writes) >= {"u4", "u5"}
    assert "u3" not in world.writer.writes
    await world.sweep()
    assert set(world.writer.lists) == {f"u{n}" for n in range(6)}  # the rest is renewed, slowly


async def test_a_list_is_rewritten_before_it_expires() -> None:
    world = World(users=1)
    await world.sweep()
    world.writer.writes.clear()
    world.clock.ms += int(0.7 * EXPIRES_MS) - 8_000
    await world.sweep(ticks=1)
    assert world.writer.writes == []
    world.clock.ms += int(0.2 * EXPIRES_MS)
    await world.sweep(ticks=1)
    assert world.writer.writes == ["u0"]


@pytest.mark.parametrize(("changed", "rewritten"), [([2], {"u2"}), (None, {"u0", "u1", "u2", "u3"}), ([77], set())])
async def test_a_catalogue_change_rewrites_the_lists_that_show_it(
    changed: list[int] | None, rewritten: set[str]
) -> None:
    world = World(users=4)
    await world.sweep()
    world.writer.writes.clear()
    world.maker.catalogue_version += 1
    world.maker.changed = None if changed is None else np.array(changed, np.int32)
    await world.sweep(ticks=5)
    assert set(world.writer.writes) == rewritten


async def test_a_changed_profile_rewrites_its_users_list() -> None:
    world = World(users=3)
    await world.sweep()
    world.writer.writes.clear()
    world.says("u1", "NL")
    await world.sweep(ticks=1)
    assert (world.writer.writes, world.writer.lists["u1"]) == (["u1"], b"1 from NL")
    world.says("u1", None)
    await world.sweep(ticks=1)
    assert world.writer.lists["u1"] == b"1"


async def test_a_user_with_a_profile_has_a_list_before_the_first_event_until_the_profile_goes() -> None:
    world = World(users=2)
    await world.sweep()
    world.says("u7", "NL")
    await world.sweep(ticks=1)
    assert world.writer.lists["u7"] == b"1 from NL"  # nothing of u7 in offsets 0 and 1
    world.says("u7", None)
    await world.sweep(ticks=1)
    assert "u7" not in world.writer.lists


async def test_a_wiped_redis_gets_the_lists_of_those_with_a_recent_profile_back_too() -> None:
    world = World(users=1)
    world.says("u5", "NL")
    world.says("u6", "DE", NOW_MS - 31 * DAY_MS)
    world.says("u0", "FR")
    world.keeper = world.new_owner()
    await world.sweep()
    assert world.writer.lists == {"u0": b"0 from FR", "u5": b"0 from NL"}


async def test_whoever_has_events_and_a_profile_is_met_once_by_the_full_scan() -> None:
    world = World(users=2)
    world.says("u1", "NL", NOW_MS - 60 * DAY_MS)
    world.keeper = world.new_owner()
    await world.sweep()
    assert world.writer.lists["u1"] == b"1 from NL"
    world.writer.writes.clear()
    world.maker.catalogue_version += 1
    world.maker.changed = np.array([1], np.int32)
    await world.sweep(ticks=5)
    assert world.writer.writes == ["u1"]  # what its list shows is still known


async def test_more_profile_changes_than_are_remembered_rewrite_every_list_shown() -> None:
    world = World(users=3)
    await world.sweep()
    world.writer.writes.clear()
    for _ in range(REMEMBERED_CHANGES + 1):
        world.says("u1", "NL")
    world.says("u2", "NL")
    await world.sweep(ticks=3)
    assert set(world.writer.writes) == {"u0", "u1", "u2"}


@pytest.mark.parametrize("found", [None, 1])
async def test_far_behind_the_head_a_candidate_writes_no_list_and_at_the_head_all_that_are_pending(
    found: int | None,
) -> None:
    world = World(users=3)
    world.writer.position = found
    world.clock.ms += 10 * 60_000
    world.keeper = world.new_owner(serves=False)
    old = [world.event("u1"), world.event("u9")]
    await world.keeper.refresh(world.plane, old, world.next_offset)
    await world.sweep(ticks=10)
    assert (world.writer.writes, world.writer.position) == ([], found)
    world.arrive()
    young = world.event("u2", world.clock.ms)
    await world.keeper.refresh(world.plane, [young], world.next_offset)
    await world.sweep()
    assert set(world.writer.lists) >= {"u1", "u2", "u9"}
    assert world.writer.lists["u9"] == b"4"
    assert world.writer.position == world.next_offset


async def test_a_version_that_is_read_writes_every_list_however_late() -> None:
    world = World(users=1)
    await world.sweep()
    world.clock.ms += 10 * 60_000
    await world.keeper.refresh(world.plane, [world.event("u1")], world.next_offset)
    assert world.writer.lists["u1"] == b"1"


async def test_a_candidate_that_fell_behind_later_queues_what_it_left_out() -> None:
    world = World(users=3)
    world.keeper = world.new_owner(serves=False)
    world.arrive()
    await world.sweep()
    assert world.writer.position == 3  # it was at the head: the marker is known
    world.clock.ms += FALLEN_BEHIND_MS + 1  # and no list is about to expire
    await world.keeper.refresh(world.plane, [world.event("u0")], world.next_offset)
    assert world.writer.lists["u0"] == b"0"
    world.arrive()
    await world.keeper.refresh(world.plane, [world.event("u1", world.clock.ms)], world.next_offset)
    await world.sweep(ticks=20)
    assert world.writer.lists["u0"] == b"3"
    assert world.writer.position == world.next_offset


async def test_a_list_is_current_while_it_is_young_and_reflects_the_offset() -> None:
    world = World(1)
    await world.keeper.refresh(world.plane, ["u0"], world.next_offset)
    found = world.keeper.current_list("u0", 0)
    assert found is not None
    assert found.tolist() == [0]
    assert world.keeper.current_list("u0", 1) is None
    assert world.keeper.current_list("u1", 0) is None
    world.clock.ms += YOUNG_LIST_MS
    assert world.keeper.current_list("u0", 0) is not None
    world.clock.ms += 1
    assert world.keeper.current_list("u0", 0) is None


async def test_a_short_list_is_not_current() -> None:
    world = World(1)
    world.maker.list_size = 2
    world.maker.room = [ROOM]
    await world.keeper.refresh(world.plane, ["u0"], world.next_offset)
    assert world.keeper.current_list("u0", 0) is None


async def test_a_batch_of_many_users_lets_others_have_their_turn() -> None:
    """Transactions of other partitions, and heartbeats: they wait for some lists, and not for a batch of them."""
    world = World(users=300)
    turns = 0

    async def others() -> None:
        nonlocal turns
        while True:
            turns += 1
            await asyncio.sleep(0)

    made_between: list[int] = []
    make, last_turn = world.maker.values_of, 0

    def made(asked: Any, *given: Any) -> Any:
        nonlocal last_turn
        if turns != last_turn:
            last_turn = turns
            made_between.append(0)
        made_between[-1:] = [made_between[-1] + len(asked)] if made_between else [len(asked)]
        return make(asked, *given)

    world.maker.values_of = made  # type: ignore[method-assign]
    beside = asyncio.create_task(others())
    await world.keeper.refresh(world.plane, [f"u{n}" for n in range(300)], world.next_offset)
    beside.cancel()
    assert len(world.writer.lists) == 300
    assert max(made_between) <= 2 * LISTS_A_TURN  # at the end of what is written at once, two meet


async def test_of_lists_that_take_long_few_are_made_a_turn(monkeypatch: pytest.MonkeyPatch) -> None:
    """Eight of five milliseconds each would let a transaction, which waits for some twenty turns, wait for a second."""
    world = World(users=2_000)
    loop, now_s, turns = asyncio.get_running_loop(), 0.0, 0
    make, since_turn, most = world.maker.values_of, 0, 0

    def slowly(asked: Any, *given: Any) -> Any:
        nonlocal now_s, since_turn, most
        now_s, since_turn = now_s + 0.0055 * len(asked), since_turn + len(asked)
        most = max(most, since_turn)
        return make(asked, *given)

    async def others() -> None:
        nonlocal turns, since_turn
        while True:
            turns, since_turn = turns + 1, 0
            await asyncio.sleep(0)

    monkeypatch.setattr(loop, "time", lambda: now_s)
    world.maker.values_of = slowly  # type: ignore[method-assign]
    beside = asyncio.create_task(others())
    await world.keeper.refresh(world.plane, [f"u{n}" for n in range(2_000)], world.next_offset)
    beside.cancel()
    assert len(world.writer.lists) == 2_000
    assert most <= 3
    assert turns >= 2_000 // 3


# -- rules of operators --------------------------------------------------------------------------------------------


async def test_lists_are_made_again_whose_rules_are_others_and_no_others() -> None:
    world = World(users=3)
    await world.sweep()
    pin, block = Signature((("front", 1),)), Signature(blocks=frozenset({("contract", 1)}))
    for rules, theirs in (
        ({"u1": pin}, {"u1"}),
        ({"u1": pin, "u2": block}, set[str]()),  # what a block takes, the catalogue tells
        ({"u2": Signature(pin.order, block.blocks)}, {"u1", "u2"}),
        ({"u2": pin}, {"u2"}),
        ({}, {"u2"}),
    ):
        world.maker.rules = rules
        assert await rewritten(world, ticks=2) == set(), "nobody has said that rules changed"
        world.maker.rules_version += 1
        assert await rewritten(world, ticks=2) == theirs
        assert await rewritten(world, ticks=2) == set(), "once"


# -- experiments ---------------------------------------------------------------------------------------------------


def start(world: World, experiment: Experiment) -> None:
    world.maker.book.apply(*experiment.record())


def stop(world: World, experiment: Experiment) -> None:
    stopped = msgspec.structs.replace(experiment, state="stopped", stopped_ms=experiment.started_ms)
    world.maker.book.apply(*stopped.record())


async def rewritten(world: World, ticks: int = 40) -> set[str]:
    world.writer.writes.clear()
    await world.sweep(ticks)
    return set(world.writer.writes)


async def test_starting_and_stopping_rewrites_the_lists_of_its_users_and_no_others() -> None:
    world = World(users=8)
    await world.sweep()
    half = running(buckets=(0, 5_000))
    start(world, half)
    theirs = {user for user in (f"u{n}" for n in range(8)) if world.maker.book.untargeted(user).parts}
    assert 0 < len(theirs) < 8
    assert await rewritten(world) == theirs
    assert await rewritten(world) == set(), "once"
    stop(world, half)
    assert await rewritten(world) == theirs


async def test_lists_of_a_former_owner_are_made_again_whatever_they_were_made_under() -> None:
    world = World(users=4)
    await world.sweep()
    start(world, running())
    world.keeper = world.new_owner()
    assert await rewritten(world) == {"u0", "u1", "u2", "u3"}


async def test_whom_an_experiment_is_not_about_keeps_the_list() -> None:
    world = World(users=4)
    world.says("u1", "DE")
    await world.sweep()
    start(world, running(targeting=Targeting(countries=("DE",))))
    assert await rewritten(world) == {"u1"}
    start(world, running("b", "other", variants=(Variant("x", 99.99), Variant("y", 0.01)), buckets=(0, 1)))
    assert await rewritten(world) == set()


async def test_a_list_that_is_ranked_otherwise_does_not_speak_for_the_version() -> None:
    world = World(users=1)
    start(world, running(variants=everybody(QUIET)))
    await world.sweep()
    assert world.keeper.current_list("u0", 0) is None
    assert world.keeper.shown("u0") is not None


# -- overload: see agents/lists/overload.py ---------------------------------------------------------------------------

OLD_MS = NOW_MS - 10_000


async def overloaded(users: int) -> World:
    """Everybody had a list, and then an event that waits for ten seconds."""
    world = World(users)
    world.keeper = world.new_owner(overload_after_ms=5_000)
    world.keeper.overload._caught_up = True  # before all this
    await world.sweep()
    world.writer.writes.clear()
    await world.keeper.refresh(world.plane, [world.event(f"u{n}", OLD_MS) for n in range(users)], world.next_offset)
    return world


async def test_under_overload_users_take_turns_and_the_list_shows_the_newest() -> None:
    world = await overloaded(users=30)
    assert world.writer.writes == ["u0"], "the first batch of an owner says nothing of its size"
    batch = [world.event(f"u{n}", OLD_MS) for n in range(30)]  # all of them are waiting already
    await world.keeper.refresh(world.plane, batch, world.next_offset)
    assert world.writer.writes == ["u0", "u1", "u2", "u3"], "one for every ten events"
    assert world.writer.lists["u3"] == b"63", "one list for both events"
    assert world.keeper.coalesced == 29
    assert world.writer.position == 30, "there are lists to be written"
    for user_id in [f"u{n}" for n in range(4, 30)]:  # somebody who acts all the time takes nobody's turn
        await world.keeper.refresh(world.plane, [world.event("u29", OLD_MS)], world.next_offset)
        assert world.writer.writes[-1] == user_id
    assert world.keeper.overload.began == 1


async def test_who_looks_for_a_record_that_ends_workers_makes_the_lists_of_its_commit_and_no_others() -> None:
    world = await overloaded(users=9)
    world.writer.writes.clear()
    batch = [world.event("u7", OLD_MS), world.event("u8", OLD_MS)]
    await world.keeper.refresh(world.plane, batch, world.next_offset, at_once=True)
    assert world.writer.writes == ["u7", "u8"]


async def test_a_list_that_cannot_be_made_after_its_events_were_committed_ends_nobody() -> None:
    world = await overloaded(users=9)
    world.maker.broken = {"u5"}
    await world.sweep(ticks=12)
    assert world.writer.position == world.next_offset
    assert world.writer.lists["u5"] == b"5", "the one before stays"
    assert set(world.writer.writes) == {f"u{n}" for n in range(9)} - {"u5"}
    assert world.keeper.shown("u5") is None
    assert world.keeper.lists_failed == 1
    world.maker.broken.clear()
    await world.keeper.refresh(world.plane, [world.event("u5", world.clock.ms)], world.next_offset)
    assert world.writer.lists["u5"] == b"18"


async def test_a_list_that_cannot_be_made_is_told_once_and_tried_again_when_items_have_changed(
    caplog: pytest.LogCaptureFixture,
) -> None:
    world = World(users=9)
    world.maker.broken = {"u5"}
    await world.sweep(ticks=12)
    for _ in range(3):  # whatever the user does
        await world.keeper.refresh(world.plane, [world.event("u5", world.clock.ms)], world.next_offset)
    assert world.keeper.failed.has_news
    assert world.keeper.failed.take_news() == [FailedList("u5", 5, NOW_MS, "ZeroDivisionError: u5")]
    assert [record.levelname for record in caplog.records].count("CRITICAL") == 1
    assert "u5" not in world.writer.lists

    world.maker.broken.clear()
    world.clock.ms += RETRY_MS
    await world.sweep(ticks=2)
    assert "u5" not in world.writer.lists, "nothing has changed"
    world.maker.catalogue_version += 1
    await world.sweep(ticks=2)
    assert world.writer.lists["u5"] == b"11"
    assert not len(world.keeper.failed)


async def test_when_nobodys_list_can_be_made_the_process_ends() -> None:
    world = World(users=MOST_FAILED_IN_A_ROW + 1)
    world.maker.broken = set(world.plane.users())
    with pytest.raises(ZeroDivisionError):
        await world.sweep(ticks=200)
    assert world.keeper.lists_failed == MOST_FAILED_IN_A_ROW


async def test_who_found_no_list_does_not_wait_for_a_turn_and_other_work_does() -> None:
    world = await overloaded(users=9)
    world.maker.basis = NOTHING._replace(visits=9.0)
    world.marks.missed = ["u7"]
    await world.sweep(ticks=3)
    assert world.writer.writes == ["u0", "u7"]


async def test_whom_a_former_owner_let_wait_take_their_turns_while_overload_lasts() -> None:
    """The written position says whose lists are missing; nobody waits for the end of the new owner's overload."""
    world = await overloaded(users=9)
    world.keeper = world.new_owner(overload_after_ms=5_000)
    world.writer.writes.clear()
    for _ in range(15):
        await world.keeper.refresh(world.plane, [world.event("u8", OLD_MS)], world.next_offset)
        await world.keeper.sweep(world.plane, world.next_offset, waits=True)
        world.clock.ms += 2_000
    assert world.keeper.overload.began == 1
    assert set(world.writer.writes) == {f"u{n}" for n in range(9)}


async def test_everybody_has_a_list_soon_after_overload_is_over() -> None:
    world = await overloaded(users=9)
    await world.keeper.refresh(world.plane, [world.event("u5", world.clock.ms)], world.next_offset)
    assert world.writer.writes[-1] == "u5", "fresh events are listed at once again"
    await world.sweep(ticks=5)
    assert world.writer.position == world.next_offset
    assert {user_id for user_id, value in world.writer.lists.items() if int(value) >= 9} == {f"u{n}" for n in range(9)}


async def test_a_partition_that_gets_nothing_more_is_not_overloaded() -> None:
    world = await overloaded(users=9)
    await world.sweep(ticks=12)
    assert world.writer.position == world.next_offset


# -- guests who are linked --------------------------------------------------------------------------------------------


def readable_ms(world: World) -> float:
    """How long events had waited altogether when a list showed them."""
    return world.maker.times.readable.total * 1000


async def test_what_a_linked_guest_does_is_in_no_list_and_nobody_waits_for_it() -> None:
    """The profile still gives the guest a list, which does not come from the events."""
    world = World(users=2)
    await world.sweep()
    world.says("u1", "NL")
    world.guests.add("u1")
    before_ms = readable_ms(world)
    world.clock.ms += 500
    await world.keeper.refresh(world.plane, [world.event("u1", world.clock.ms - 300)], world.next_offset)
    assert world.writer.lists["u1"] == b"2 from NL"
    assert readable_ms(world) == before_ms


def part_of_guest(at_ms: int) -> bytes:
    """Of somebody in another partition whose only event is of that time."""
    elsewhere = World(users=0)
    elsewhere.event("u9", at_ms)
    guest = elsewhere.plane.own("u9")
    assert guest is not None
    return guest_part.encode(guest, 1)


def test_a_scan_meets_who_has_guests_without_making_what_readers_see(monkeypatch: pytest.MonkeyPatch) -> None:
    """2,000 are met a tick, without a pause: to join each with their guests would take more than half a second."""
    world = World(users=1, days_idle=40)
    world.says("u5", "NL", NOW_MS - 5)
    world.parts.update(u0={"u9": part_of_guest(NOW_MS)}, u5={"u9": part_of_guest(NOW_MS - 1), "u8": part_of_guest(7)})
    monkeypatch.setattr(UserPlane, "view", None)
    monkeypatch.setattr(UserPlane, "own", None)
    met = [(user_id, row and row.last_append_ms) for user_id, row in met_by_scan(world.plane, world.profiles)]
    assert met == [("u0", NOW_MS - 40 * DAY_MS), ("u0", NOW_MS), ("u5", NOW_MS - 1), ("u5", NOW_MS - 5)]


async def test_how_far_behind_events_are_is_not_asked_of_guests_in_other_partitions() -> None:
    world = World(users=1)
    world.keeper = world.new_owner(overload_after_ms=5_000)
    world.keeper.overload._caught_up = True
    await world.sweep()
    before_ms = readable_ms(world)
    world.parts["u5"] = {"u9": part_of_guest(world.clock.ms)}
    for _ in range(2):
        await world.keeper.refresh(world.plane, [world.event("u5", OLD_MS)], world.next_offset)
    assert world.keeper.overload.began == 1
    assert readable_ms(world) - before_ms == pytest.approx(2 * (world.clock.ms - OLD_MS))
