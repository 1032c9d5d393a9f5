"""When lists are owed: after events, outages, wipes, takeovers, catalogue changes and before they expire."""

from collections.abc import Collection, Sequence

import numpy as np
import pytest
from numpy.typing import NDArray

from agents.catch_up import FAR_MS, CatchUp
from agents.list_keeper import YOUNG_LIST_MS, ListKeeper
from agents.list_maker import ROOM
from agents.profiles import REMEMBERED_CHANGES, PartitionProfiles
from agents.reader_watch import PAGE, ReaderWatch
from agents.sweep_pace import Pace
from serving.redis_errors import RedisUnavailable
from streams.catalog import UserProfile
from streams.events import EventType, Interaction
from streams.partitioning import partition_of
from streams.units import DAY_MS
from tables.user_plane import FoldLimits, User, UserPlane

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
        self.catalogue_version = 0
        self.room: list[int] = []
        self.changed: NDArray[np.int32] | None = np.array([], np.int32)

    def user_values(
        self, user: User, profile: UserProfile | None, partition: int, now_ms: int
    ) -> tuple[NDArray[np.int32], list[tuple[str, bytes]]]:
        said = b"" if profile is None else b" from %s" % (profile.country or "").encode()
        return np.array([int(user.user_id[1:]), *self.room], np.int32), [
            (user.user_id, b"%d%s" % (user.row.last_offset, said))
        ]

    def items_changed_since(self, catalogue_version: int) -> NDArray[np.int32] | None:
        return self.changed


class Writer:
    """Redis as a dictionary that can be away."""

    def __init__(self) -> None:
        self.lists: dict[str, bytes] = {}
        self.writes: list[str] = []
        self.position: int | None = None
        self.away = False

    def _answer(self) -> None:
        if self.away:
            raise RedisUnavailable("away")

    async def write_together(self, groups: list[list[tuple[str, bytes]]], ttl_s: int) -> None:
        self._answer()
        assert ttl_s == 7
        for group in groups:
            self.lists.update(group)
            self.writes += [key for key, _ in group]

    async def remove_users_up_to(self, users: dict[str, int]) -> None:
        self._answer()
        for user_id in users:
            self.lists.pop(user_id, None)

    async def remove_users(self, users: Collection[str]) -> None:
        self._answer()
        for user_id in users:
            self.lists.pop(user_id, None)

    async def written_position(self, partition: int) -> int | None:
        self._answer()
        return self.position

    async def move_written_position(self, partition: int, known: int | None, next_offset: int) -> bool:
        self._answer()
        if self.position != known:
            return False
        self.position = next_offset
        return True


class Marks:
    """Reads by user, as Redis would keep them."""

    def __init__(self) -> None:
        self.reads: dict[str, int] = {}

    async def noted_since(self, since_s: int, limit: int) -> list[tuple[str, int]]:
        found = sorted((second, user_id) for user_id, second in self.reads.items() if second >= since_s)
        return [(user_id, second) for second, user_id in found[:limit]]

    async def who_read(self, users: Sequence[str], since_s: int) -> set[str]:
        assert len(users) <= 2, "more than a tick may look at"
        return {user_id for user_id in users if self.reads.get(user_id, 0) >= since_s}

    async def remove(self, users: Collection[str]) -> None:
        for user_id in users:
            self.reads.pop(user_id, None)

    async def remove_before(self, second: int) -> None:
        self.reads = {user_id: at_s for user_id, at_s in self.reads.items() if at_s >= second}


class World:
    """One partition with `users` users, user N's only event at offset N."""

    def __init__(self, users: int, days_idle: int = 0) -> None:
        self.clock, self.maker, self.writer, self.marks = Clock(), Maker(), Writer(), Marks()
        self.plane = UserPlane(0, 1, {}, FoldLimits())
        self.profiles = PartitionProfiles()
        self.next_offset = 0
        for number in range(users):
            self.event(f"u{number}", NOW_MS - days_idle * DAY_MS)
        self.keeper = self.new_owner()

    def event(self, user_id: str, at_ms: int = NOW_MS) -> str:
        assert partition_of(user_id.encode(), 1) == 0
        event = Interaction(f"e{self.next_offset}", EventType.CLICK, user_id, "item", at_ms)
        self.plane.fold(event, user_id.encode(), self.next_offset, at_ms)
        self.next_offset += 1
        return user_id

    def new_owner(self, *, serves: bool = True) -> ListKeeper:
        pace = Pace(lists_per_tick=3, rows_per_tick=2, renewals_per_tick=1)
        readers, self.catch_up = ReaderWatch(self.marks, 30), CatchUp(lambda: serves)
        return ListKeeper(
            0,
            self.maker,
            self.writer,
            self.profiles,
            readers,
            self.clock,
            30,
            7,
            pace,
            self.catch_up,  # type: ignore[arg-type]
        )

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


async def test_the_marker_does_not_move_before_the_census_is_complete() -> None:
    world = World(users=7)
    await world.sweep(ticks=1)
    assert world.writer.position is None


async def test_a_new_owner_owes_only_what_the_marker_does_not_cover_first() -> None:
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


async def test_whoever_has_events_and_a_profile_is_met_once_by_the_census() -> None:
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
async def test_far_behind_the_head_a_candidate_writes_no_list_and_at_the_head_all_that_are_owed(
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
    world.catch_up.arrive()
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


async def test_a_candidate_that_fell_behind_later_owes_what_it_left_out() -> None:
    world = World(users=3)
    world.keeper = world.new_owner(serves=False)
    world.catch_up.arrive()
    await world.sweep()
    assert world.writer.position == 3  # it was at the head: the marker is known
    world.clock.ms += FAR_MS + 1  # and no list is about to expire
    await world.keeper.refresh(world.plane, [world.event("u0")], world.next_offset)
    assert world.writer.lists["u0"] == b"0"
    world.catch_up.arrive()
    await world.keeper.refresh(world.plane, [world.event("u1", world.clock.ms)], world.next_offset)
    await world.sweep(ticks=20)
    assert world.writer.lists["u0"] == b"3"
    assert world.writer.position == world.next_offset


async def test_a_list_is_at_hand_while_it_is_young_and_reflects_the_offset() -> None:
    world = World(1)
    await world.keeper.refresh(world.plane, ["u0"], world.next_offset)
    found = world.keeper.at_hand("u0", 0)
    assert found is not None
    assert found.tolist() == [0]
    assert world.keeper.at_hand("u0", 1) is None
    assert world.keeper.at_hand("u1", 0) is None
    world.clock.ms += YOUNG_LIST_MS
    assert world.keeper.at_hand("u0", 0) is not None
    world.clock.ms += 1
    assert world.keeper.at_hand("u0", 0) is None


async def test_a_short_list_is_not_at_hand() -> None:
    world = World(1)
    world.maker.list_size = 2
    world.maker.room = [ROOM]
    await world.keeper.refresh(world.plane, ["u0"], world.next_offset)
    assert world.keeper.at_hand("u0", 0) is None
