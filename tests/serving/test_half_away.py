"""One primary of several is away: what the others hold is written all the same, and the failure is told."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Iterable, Sequence
from random import Random
from typing import Any

import pytest
from eligibility_world import World
from redis.asyncio import Redis

from agents.lists.shared_lists import SharedListWriter
from serving.keys import LIST_TTL_S, Keys
from serving.redis_clients import RedisNodes
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter

NOW_MS = 1_800_000_000_000


class HalfAway:
    """One server as if it were two, of which the one that holds certain keys is away."""

    is_split = True

    def __init__(self, nodes: RedisNodes, is_away: Callable[[str], bool]) -> None:
        self._nodes = nodes
        self.is_away = is_away

    async def ask(self, key: str, ask: Callable[[Redis], Awaitable[Any]]) -> Any:
        if self.is_away(key):
            raise RedisUnavailable("away")
        return await self._nodes.ask(key, ask)

    async def split(self, keys: Sequence[str]) -> Iterable[list[int]]:
        away = [place for place, key in enumerate(keys) if self.is_away(key)]
        there = [place for place in range(len(keys)) if place not in away]
        return [places for places in (away, there) if places]

    def server_of(self, key: str) -> str:
        return "away" if self.is_away(key) else "there"

    async def all(self) -> list[Redis]:
        return await self._nodes.all()

    async def aclose(self) -> None:
        await self._nodes.aclose()


def half_away(writer: ListWriter, is_away: Callable[[str], bool]) -> HalfAway:
    writer._nodes = nodes = HalfAway(writer._nodes, is_away)
    return nodes


async def test_lists_of_servers_that_answer_are_written(writer: ListWriter) -> None:
    pairs = [(f"{writer.keys.prefix}{name}{number}", b"x" * 40) for name in "ab" for number in range(150)]
    nodes = half_away(writer, lambda key: key.startswith(f"{writer.keys.prefix}a"))
    stored: list[str] = []

    async def noting(groups: Sequence[Any], *_: object) -> list[int]:
        key = groups[0][0][0]
        if nodes.server_of(key) == "away":
            raise RedisUnavailable("away")
        stored.extend(key for (key, _), *_ in groups)
        return [1] * len(groups)

    setattr(writer, "_write_chunk", noting)  # noqa: B010  what is stored is the scripts' concern
    with pytest.raises(RedisUnavailable, match="away"):
        await writer.write_lists(pairs, LIST_TTL_S)
    assert stored == [key for key, _ in pairs if nodes.server_of(key) == "there"]


KINDS: dict[str, Callable[[Keys, World], Sequence[str]]] = {
    "cards": lambda keys, _: [keys.cards],
    "popular": lambda keys, _: [keys.popular()],
    "trending": lambda keys, _: [keys.trending_list("*", "24h")],
    "similar": lambda keys, world: [keys.similar(item_id) for item_id in world.small.model.ids[::2]],
    "features": lambda keys, _: [keys.item_features],
}


@pytest.mark.parametrize("away", KINDS)
async def test_a_round_writes_what_it_can(away: str, writer: ListWriter) -> None:
    world = World(Random(5), NOW_MS)
    world.fill(30, 6)
    keys = writer.keys
    shared = SharedListWriter(world.maker(keys), writer, keys, lambda: world._owned, 1)
    world.small.model.refresh_priors(NOW_MS)
    lost = set(KINDS[away](keys, world))
    nodes = half_away(writer, lambda key: key in lost)
    for _ in range(2):
        with pytest.raises(RedisUnavailable, match="away"):
            await shared._round(NOW_MS)
    wanted = [key for of_kind in KINDS.values() for key in of_kind(keys, world) if key not in lost]
    wanted += [key for item_id in world.small.model.ids if (key := keys.similar(item_id)) not in lost]
    (redis,) = await nodes.all()
    assert not [key for key in wanted if not await redis.exists(key)]
    nodes.is_away = lambda _: False  # it is back
    await shared._round(NOW_MS)
    assert not [key for key in lost if not await redis.exists(key)]
