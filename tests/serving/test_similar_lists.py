"""Lists of similar items are written when what they show changed; a Redis that fell back lacks some all the same."""

from __future__ import annotations

from random import Random

from eligibility_world import World
from listed import redis_of

from agents.lists.shared_lists import SharedListWriter
from serving.list_format import read_keys, read_prefix
from serving.redis_writer import ListWriter
from streams.contract.rules import ItemMatch, OperatorRule
from tables.item_model import ItemModel

NOW_MS = 1_800_000_000_000
ROUNDS = 4


def similar_lists(writer: ListWriter) -> tuple[SharedListWriter, ItemModel, list[str]]:
    """What writes them, the model they are of, and their keys."""
    world = World(Random(5), NOW_MS)
    world.fill(30, 6)
    shared = SharedListWriter(world.maker(writer.keys), writer, writer.keys, lambda: world._owned, 1)
    model = world.small.model
    model.refresh_priors(NOW_MS)
    keys = [writer.keys.similar(item_id) for item_id in model.ids]
    return shared, model, keys


async def test_lists_that_a_failover_took_back_are_written_again(writer: ListWriter) -> None:
    shared, model, keys = similar_lists(writer)

    async def rounds() -> dict[str, bytes | None]:
        for _ in range(ROUNDS):
            await shared._round(NOW_MS)
        return {key: await writer.read(key) for key in keys}

    before = await rounds()
    assert all(before.values())
    shared._maker._follower._changed.note(model.ids[0])  # every list is out of date, though nobody used anything
    after = await rounds()
    assert all(after[key] != before[key] for key in keys)
    for key, value in before.items():
        assert value is not None
        await redis_of(writer).set(key, value)
    restored = await rounds()
    assert all(restored[key] != before[key] for key in keys)
    again = await rounds()
    assert again == restored  # and no more often than needed


async def test_a_boost_is_in_lists_of_items_that_nobody_visits_and_is_out_again(writer: ListWriter) -> None:
    shared, model, keys = similar_lists(writer)

    async def shown() -> list[list[int]]:
        for _ in range(ROUNDS):
            await shared._round(NOW_MS)
        values = [await writer.read(key) for key in keys]
        return [list(read_keys(value, read_prefix(value))) for value in values if value is not None]

    before = await shown()
    last = tuple(model.ids[index] for index in range(0, len(model.ids), 2))
    model.rules.follow([OperatorRule("more", "boost", ItemMatch(items=last), 1, 10.0)])
    during = await shown()
    model.rules.follow([])
    assert during != before
    assert await shown() == before
