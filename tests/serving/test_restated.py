"""The endpoint is told of items whose catalogue entry says other facts than lists may, and of no others."""

from random import Random
from typing import Any

import pytest
from eligibility_world import World

from agents.lists.restated import COMPARE_EVERY, LISTS_LIVE_MS, Restated
from serving.redis_writer import ListWriter
from serving.restated import facts_in, restated
from serving.write_order import PartitionOwner

NOW_MS = 1_800_000_000_000


@pytest.fixture
def world() -> World:
    world = World(Random(3), NOW_MS)
    with world.unread():
        for number in range(5):
            world.say_item(f"i{number}", film())
    return world


def film(maturity: str = "12", **more: Any) -> dict[str, Any]:
    return {"title": "A film", "maturity": maturity, "genres": ["Drama"], **more}


async def noted(writer: ListWriter) -> dict[str, bytes]:
    return {item_id: facts_in(value) for item_id, value in (await writer.restated_items()).items()}


async def following(world: World, writer: ListWriter, owner: PartitionOwner, now_ms: int = NOW_MS) -> Restated:
    """An owner who has seen the catalogue as it is."""
    restated = world.restated(writer)
    await restated.write({0: owner}, now_ms)
    return restated


@pytest.mark.parametrize(
    "more",
    [
        {"maturity": "18"},
        {"maturity": "7"},  # readers need not be told, but what was said before may still be noted
        {"regions": ["DE"]},
        {"attributes": {"languages": ["fr"]}},
        {"available_until": NOW_MS + 5},
        {"available_from": NOW_MS + 5},
        {"genres": ["Horror"]},
        {"maturity": "R"},  # unreadable: it restricts most
        {"regions": "DE"},
    ],
)
async def test_whatever_restricts_an_item_is_noted(world: World, writer: ListWriter, more: dict[str, Any]) -> None:
    owner = PartitionOwner(0, term=1)
    restated = await following(world, writer, owner)
    stamp = await writer.read(writer.keys.restated_stamp)
    world.say_item("i0", film() | {"title": "Another title", "year": 1999})
    world.say_item("new", film("18"))
    await restated.write({0: owner}, NOW_MS)
    assert await noted(writer) == {}
    assert await writer.read(writer.keys.restated_stamp) == stamp
    world.say_item("i1", film() | more)
    await restated.write({0: owner}, NOW_MS)
    maker = world.maker(writer.keys)
    assert await noted(writer) == {"i1": maker.facts_of(maker.model.index("i1"))}
    assert await writer.read(writer.keys.restated_stamp) != stamp


async def test_an_next_owner_notes_what_changed_while_nobody_owned_the_partition_and_nothing_else(
    world: World, writer: ListWriter
) -> None:
    await following(world, writer, PartitionOwner(0, term=1))
    with world.unread():
        world.say_item("i2", film("18"))
        world.say_item("i3", film())  # by itself the next owner cannot know that it is as before
    await following(world, writer, PartitionOwner(0, term=2))
    assert await noted(writer) == {"i2": b"18 r39A", "i3": b"12 r39A"}
    await following(world, writer, PartitionOwner(0, term=3))
    assert set(await noted(writer)) == {"i2", "i3"}


async def test_a_catalogue_that_was_made_anew_is_unread(world: World, writer: ListWriter) -> None:
    await writer.change_restated(PartitionOwner(0, term=1), {0: 1_000}, {})
    await following(world, writer, PartitionOwner(0, term=2))
    assert set(await noted(writer)) == {f"i{number}" for number in range(5)}


async def test_the_last_facts_hold_and_are_forgotten_when_no_former_list_is_left(
    world: World, writer: ListWriter
) -> None:
    owner = PartitionOwner(0, term=1)
    restated = await following(world, writer, owner)
    for maturity in ("18", "16"):
        world.say_item("i1", film(maturity))
        await restated.write({0: owner}, NOW_MS)
    assert await noted(writer) == {"i1": b"16 r39A"}
    for _ in range(COMPARE_EVERY):
        await restated.write({0: owner}, NOW_MS + LISTS_LIVE_MS)
    assert await noted(writer) == {"i1": b"16 r39A"}
    for _ in range(COMPARE_EVERY):
        await restated.write({0: owner}, NOW_MS + LISTS_LIVE_MS + 1)
    assert await noted(writer) == {}


async def test_what_redis_loses_is_noted_again(world: World, writer: ListWriter) -> None:
    owner = PartitionOwner(0, term=1)
    restated = await following(world, writer, owner)
    world.say_item("i1", film("18"))
    await restated.write({0: owner}, NOW_MS)
    await writer._redis.delete(writer.keys.restated)
    await restated.write({0: owner}, NOW_MS)
    assert await noted(writer) == {"i1": b"18 r39A"}


async def test_a_former_owner_changes_nothing(world: World, writer: ListWriter) -> None:
    former, later = PartitionOwner(0, term=1), PartitionOwner(0, term=2)
    restated = await following(world, writer, former)
    await following(world, writer, later)
    world.say_item("i1", film("18"))
    await restated.write({0: former}, NOW_MS)
    assert await noted(writer) == {}
    assert former.is_contested
    await restated.write({0: later}, NOW_MS)
    assert await noted(writer) == {"i1": b"18 r39A"}


async def test_a_large_change_is_noted_in_pieces_and_what_was_read_with_the_last(
    writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    owner = PartitionOwner(0, term=1)
    await writer.change_restated(owner, {0: 5}, {})
    monkeypatch.setattr("serving.redis_writer.CHUNK_ITEMS", 2)
    put = {f"i{number}": restated(NOW_MS, b"18") for number in range(5)}
    assert await writer.change_restated(owner, {0: 9}, put, ["i9"])
    assert set(await noted(writer)) == set(put)
    assert await writer.restated_up_to(0) == {0: 9}
    assert owner.order.sequence == 1 + 3
    assert await writer.change_blocked(owner, list(put), ["a", "b", "c"])
    assert await writer.blocked_items() == set(put)

    async def refuse_the_second(*_: object) -> int:
        return 1 if next(answers) else -3

    answers = iter((True, False))
    monkeypatch.setattr(writer._redis, "eval", refuse_the_second)
    assert not await writer.change_restated(owner, {0: 12}, put)
    monkeypatch.undo()
    assert await writer.restated_up_to(0) == {0: 9}
