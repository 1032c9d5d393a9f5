"""Idle users go between batches: from Redis first, then with the next transaction, a bounded number at a time."""

import asyncio
from collections.abc import Collection, Mapping
from typing import Any

import orjson
from aiokafka.structs import ConsumerRecord

from agents.followers.erasures import Erasures
from agents.interactions import InteractionsStep, OutgoingDeltas
from agents.lists import idle_users
from agents.lists.failed_lists import FailedLists
from tables import partition_row, user_keys
from tables.user_plane import FoldLimits, UserPlane

NOW_MS = 1_700_000_000_000
DAY_MS = 86_400_000


class Lists:
    """Stands in for the keeper of lists."""

    def __init__(self) -> None:
        self.removed: dict[str, int] = {}
        self.away = False

    async def forget_idle(self, last_offsets: Mapping[str, int]) -> bool:
        if not self.away:
            self.removed.update(last_offsets)
        return not self.away

    async def refresh(
        self, plane: UserPlane, users: Collection[str], next_offset: int, *, at_once: bool = False
    ) -> None: ...

    failed = FailedLists()

    async def sweep(self, plane: UserPlane, next_offset: int, *, waits: bool) -> None: ...


class World:
    def __init__(self, users: int) -> None:
        self.rows: dict[bytes, bytes] = {}
        self.lists: Any = Lists()
        self.step = InteractionsStep(
            lambda: UserPlane(0, 1, self.rows, FoldLimits(cached_users=10)),
            self.lists,
            OutgoingDeltas("deltas", 0, 1),
            "dlq",
            Erasures(),
        )
        self.offset = 0
        for number in range(users):
            self.view(f"u{number}", 0)
        self.effects()

    def view(self, user: str, day: int) -> None:
        at_ms = NOW_MS + day * DAY_MS
        event = {
            "event_type": "view",
            "user_id": user,
            "item_id": "i",
            "timestamp": at_ms,
            "event_id": str(self.offset),
        }
        value = orjson.dumps(event)
        self.step.fold(ConsumerRecord("t", 0, self.offset, at_ms, 1, user.encode(), value, None, 0, 0, ()))
        self.offset += 1

    def effects(self) -> dict[bytes, bytes | None]:
        return dict(asyncio.run(self.step.effects(self.offset, force=False)).changes)

    def tick(self) -> None:
        asyncio.run(self.step.tick(self.offset, waits=False))

    def users(self) -> set[str]:
        return set(self.step.plane.users())


def test_keys_go_first_and_rows_with_the_next_transaction() -> None:
    world = World(3)
    world.view("new", 91)
    world.effects()
    assert not world.step.pending()
    world.tick()
    assert world.lists.removed == {"u0": 0, "u1": 1, "u2": 2}  # by their last offsets
    assert world.users() == {"u0", "u1", "u2", "new"}
    assert world.step.pending()
    changes = world.effects()
    assert [changes[b"ru%d" % number] for number in range(3)] == [None] * 3
    row = changes[user_keys.PARTITION]
    assert row is not None
    assert partition_row.CODEC.decode(row).purged_folded == 3
    assert world.users() == {"new"}
    assert not world.step.pending()


def test_whoever_came_back_in_between_is_kept() -> None:
    world = World(2)
    world.view("new", 91)
    world.effects()
    world.tick()
    world.view("u1", 91)
    world.effects()
    assert world.users() == {"u1", "new"}


def test_while_redis_is_away_the_rows_stay() -> None:
    world = World(2)
    world.view("new", 91)
    world.effects()
    world.lists.away = True
    for _ in range(3):
        world.tick()
        assert not world.step.pending()
    world.lists.away = False
    world.tick()
    world.effects()
    assert (world.users(), set(world.lists.removed)) == ({"new"}, {"u0", "u1"})


def test_whoever_came_back_while_redis_was_away_keeps_the_list_that_is_pending() -> None:
    world = World(2)
    world.view("new", 91)
    world.effects()
    world.lists.away = True
    world.tick()
    world.view("u1", 91)
    world.effects()
    world.lists.away = False
    world.tick()
    assert world.lists.removed == {"u0": 0}
    world.effects()
    assert world.users() == {"u1", "new"}


def test_a_transaction_drops_a_bounded_number_of_users() -> None:
    world = World(2 * idle_users.USERS_A_TICK + 1)
    world.view("new", 91)
    world.effects()
    left = []
    for _ in range(4):
        world.tick()
        world.effects()
        left.append(len(world.users()))
    assert left == [idle_users.USERS_A_TICK + 2, 2, 1, 1]


def test_a_tick_passes_over_a_bounded_number_of_rows(monkeypatch: Any) -> None:
    monkeypatch.setattr(idle_users, "ROWS_A_TICK", 2)
    world = World(0)
    for day, user in ((0, "a"), (0, "b"), (50, "c"), (0, "d"), (100, "e")):
        world.view(user, day)
    world.effects()
    removed = []
    for _ in range(4):
        world.tick()
        world.effects()
        removed.append(list(world.lists.removed))
    assert removed == [["a", "b"], ["a", "b", "d"], ["a", "b", "d"], ["a", "b", "d"]]


def test_a_walk_begins_again_when_time_has_moved_on() -> None:
    world = World(1)
    world.tick()  # the first walk, which finds nobody
    world.view("new", 91)
    world.effects()
    for _ in range(2):
        world.tick()
    assert set(world.lists.removed) == {"u0"}


def test_a_new_owner_finds_what_the_former_one_did_not_drop() -> None:
    world = World(1)
    world.view("new", 91)
    world.effects()
    world.tick()
    world.step.reset()  # the process ended before it committed
    assert not world.step.pending()
    world.tick()
    world.effects()
    assert world.users() == {"new"}
