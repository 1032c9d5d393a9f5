"""Who is asked next when a node says that a slot is elsewhere."""

from __future__ import annotations

import pytest
from redis.asyncio import Redis
from redis.exceptions import MovedError

from serving.redis_address import HostPort, RedisUrl
from serving.redis_clients import ClusterClients
from serving.redis_errors import RedisUnavailable
from serving.redis_slots import SLOTS, SlotMap, slot_of

FORMER = HostPort("a", 7000)
KEY, OTHER = "{1}", "{2}"


class World:
    """A cluster of one primary, as far as is known, whose nodes say what they are told to."""

    def __init__(self, *said: str) -> None:
        self.nodes = ClusterClients(RedisUrl.parse("redis+cluster://a:7000"), 1.0)
        self.nodes._map = SlotMap([(0, SLOTS - 1, FORMER)])
        self.said = list(said)
        self.asked: list[HostPort] = []

    async def ask(self, redis: Redis) -> str:
        options = redis.connection_pool.connection_kwargs
        self.asked.append(HostPort(options["host"], options["port"]))
        if self.said:
            raise MovedError(self.said.pop(0))
        return "answered"


@pytest.mark.parametrize(("says", "then"), [("b:7001", HostPort("b", 7001)), ("?:7001", HostPort("a", 7001))])
async def test_whom_a_node_names_is_asked(says: str, then: HostPort) -> None:
    world = World(f"{slot_of(KEY.encode())} {says}")
    assert await world.nodes.ask(KEY, world.ask) == "answered"
    assert world.asked == [FORMER, then]
    await world.nodes.aclose()


async def test_what_is_on_several_servers_by_now_is_not_asked_of_one_again() -> None:
    world = World(*[f"{slot_of(OTHER.encode())} b:7001"] * 3)
    assert list(await world.nodes.split([KEY, OTHER])) == [[0, 1]]
    with pytest.raises(RedisUnavailable, match="has moved"):
        await world.nodes.ask(KEY, world.ask)
    assert world.asked == [FORMER]
    assert list(await world.nodes.split([KEY, OTHER])) == [[0], [1]], "the next try asks both"
    await world.nodes.aclose()
