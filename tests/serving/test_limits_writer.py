"""What a user may see reaches Redis before any list is made, and only where it is another."""

from __future__ import annotations

from random import Random
from typing import Any

import pytest
from eligibility_world import TTL_S, World
from listed import redis_of

from agents.followers import recent_changes
from serving.audience import decode
from serving.list_format import FORMAT_VERSION, PREFIX_BYTES, read_prefix
from serving.redis_errors import NotTheWriter
from serving.redis_writer import ListWriter, Told
from serving.write_order import PartitionOwner

NOW_MS = 1_800_000_000_000
KIDS, TWELVE = b'{"kids": true}', b'{"maturity_max": "12"}'


async def made(writer: ListWriter) -> World:
    """Everybody's lists, as a former owner wrote them."""
    world = World(Random(3), NOW_MS)
    world.fill(40, 6)
    for user_id in world.users:
        world.say_profile(user_id, b'{"maturity_max": "18"}')
    await world.write(writer)
    return world


async def said_of(writer: ListWriter, user_id: str) -> tuple[int, bool]:
    """Up to which age the user sees items, and whether their lists were made with that."""
    audience = decode(await writer.read(writer.keys.audience(user_id)) or b"", user_id)
    assert audience is not None
    return audience.limits.age, audience.made


async def told(world: World, limits: Any) -> list[str]:
    found: list[str] = await limits.tell(world.small.users, 1_000_000, world.users, NOW_MS, 1_000)
    return found


async def test_a_changed_profile_is_told_at_once_and_its_list_is_due(writer: ListWriter) -> None:
    world = await made(writer)
    limits = world.limits_told(writer)
    assert await told(world, limits) == []  # after a takeover: nothing changed
    world.say_profile("u1", b'{"kids": true}')
    world.say_profile("u2", b'{"maturity_max": "18", "favorite_genres": ["Drama"]}')
    assert set(await told(world, limits)) == {"u1", "u2"}
    assert await said_of(writer, "u1") == (7, False)
    assert await said_of(writer, "u2") == (18, True)  # nothing that restricts: the list stays as good as it was
    await world.write(writer)
    assert await said_of(writer, "u1") == (7, True)


async def test_an_next_owner_finds_out_whose_profile_changed_while_nobody_owned_the_partition(
    writer: ListWriter,
) -> None:
    world = await made(writer)
    world.say_profile("u3", b'{"kids": "true"}')
    assert await told(world, world.limits_told(writer)) == ["u3"]
    assert await said_of(writer, "u3") == (7, False)
    # It ends before the list is made: the next one owes it still.
    assert await told(world, world.limits_told(writer)) == ["u3"]


async def test_who_has_no_list_is_told_too_when_more_profiles_changed_than_are_remembered(
    writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(recent_changes, "REMEMBERED_CHANGES", 3)
    world = await made(writer)
    limits = world.limits_told(writer)
    assert await told(world, limits) == []
    for user_id in ("u1", "u2", "u3", "a child"):  # the child has no list, and nothing was ever seen of them
        world.say_profile(user_id, KIDS)
    ours = ["u1"]  # a former owner made the other lists
    due = await limits.tell(world.small.users, 1_000_000, ours, NOW_MS, 4)
    assert len(set(due)) == 4
    due += await limits.tell(world.small.users, 1_000_000, ours, NOW_MS, 4)
    assert set(due) == {*world.users, "a child"}
    for user_id in ("u1", "u2", "u3", "a child"):
        assert await said_of(writer, user_id) == (7, False)


async def test_whoever_is_not_the_writer_tells_nothing_and_a_later_list_stays(writer: ListWriter) -> None:
    world = await made(writer)
    user_list, key = writer.keys.user_list("u1"), writer.keys.audience("u1")
    before = await writer.read(key)
    assert before is not None
    with pytest.raises(NotTheWriter):
        await writer.change_audiences([(user_list, key, b"\xf6\x01", 9)], 60, PartitionOwner(0, term=7))
    assert await writer.change_audiences([(user_list, key, b"\xf6\x01", -2)], 60, world.owner) == [Told.LEFT_ALONE]
    assert await writer.read(key) == before


async def test_a_list_counts_how_often_its_limits_changed_and_stays_as_it_was(writer: ListWriter) -> None:
    world = await made(writer)
    user_list = writer.keys.user_list("u1")
    before = await writer.read(user_list)
    assert before is not None
    for changes, said in enumerate((KIDS, TWELVE, TWELVE, KIDS)):
        world.say_profile("u1", said)
        await told(world, world.limits_told(writer))
        after = await writer.read(user_list)
        assert after is not None
        assert read_prefix(after) == read_prefix(before)._replace(limits_changed=changes + (changes < 2))
        assert after[PREFIX_BYTES:] == before[PREFIX_BYTES:]
    assert 0 < await redis_of(writer).ttl(user_list) <= TTL_S


async def test_a_list_of_another_format_is_left_as_it_is(writer: ListWriter) -> None:
    world = await made(writer)
    user_list = writer.keys.user_list("u1")
    before = await writer.read(user_list)
    assert before is not None
    former = before[:1] + bytes([FORMAT_VERSION - 1]) + before[2:]
    await redis_of(writer).set(user_list, former)
    world.say_profile("u1", b'{"kids": true}')
    assert await told(world, world.limits_told(writer)) == ["u1"]
    assert await writer.read(user_list) == former


async def test_at_most_so_many_are_told_at_a_time(writer: ListWriter) -> None:
    world = await made(writer)
    limits = world.limits_told(writer)
    for user_id in world.users:
        world.say_profile(user_id, b'{"kids": true}')
    due: list[str] = []
    for _ in range(3):
        due += await limits.tell(world.small.users, 1_000_000, world.users, NOW_MS, 4)
    assert set(due) == set(world.users)
    assert [await said_of(writer, user_id) for user_id in world.users] == [(7, False)] * len(world.users)
