"""Figures about items follow what is counted, and are written by the owner of the item's partition."""

from __future__ import annotations

import json
from random import Random
from typing import Any

from eligibility_world import World
from listed import redis_of

from agents.lists import item_features
from agents.lists.item_features import KEPT_MS, ItemFeatures
from serving.item_card import field_of
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from tables.item_deltas import item_partition
from tables.item_keys import key_of

NOW_MS = 1_800_000_000_000


async def stored(writer: ListWriter, item_id: str) -> dict[str, Any] | None:
    value = await redis_of(writer).hget(writer.keys.item_features, field_of(key_of(item_id)))  # type: ignore[misc]
    return None if value is None else dict(json.loads(value))


async def test_every_item_has_figures_and_they_follow_its_events(writer: ListWriter) -> None:
    world = World(Random(5), NOW_MS)
    world.fill(30, 10)
    model = world.small.model
    model.refresh_priors(NOW_MS)
    features, owner = ItemFeatures(model, writer, 1), PartitionOwner(0, term=1)
    await features.write({0: owner}, NOW_MS)
    figures = {item_id: await stored(writer, item_id) for item_id in world.items}
    known = {item_id: said for item_id, said in figures.items() if said is not None}
    assert len(known) == len(world.items)
    best = max(known, key=lambda item_id: known[item_id]["popularity"])
    assert known[best]["popularity"] == 1.0
    assert known[best]["events"] == known[best]["events_7d"] == model.events[model.index(best)] > 0
    assert await redis_of(writer).delete(writer.keys.item_features)
    await features.write({0: owner}, NOW_MS + 1)
    assert await stored(writer, best) is None  # nothing changed
    model.events[model.index(best)] += 1
    await features.write({0: owner}, NOW_MS + 2)
    assert (await stored(writer, best) or {})["updated_at"] > known[best]["updated_at"]
    await features.write({0: owner}, NOW_MS + KEPT_MS + 2)
    assert all([await stored(writer, item_id) for item_id in world.items])


async def test_a_round_is_bounded_and_writes_what_is_owned(writer: ListWriter, monkeypatch: Any) -> None:
    monkeypatch.setattr(item_features, "FEATURES_PER_ROUND", 4)
    world = World(Random(6), NOW_MS)
    world.fill(20, 3)
    world.small.model.refresh_priors(NOW_MS)
    features, owner = ItemFeatures(world.small.model, writer, 2), PartitionOwner(1, term=1)
    await features.write({1: owner}, NOW_MS)
    assert await redis_of(writer).hlen(writer.keys.item_features) == 4  # type: ignore[misc]
    for _ in world.items:
        await features.write({1: owner}, NOW_MS)
    written = {item_id for item_id in world.items if await stored(writer, item_id) is not None}
    assert written == {item_id for item_id in world.items if item_partition(item_id, 2) == 1}
