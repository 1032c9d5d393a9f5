"""Lists in a real cluster of six nodes: slots move and primaries die, and nobody sees more of it than has to."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Iterator, Sequence
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
from harness.polling import eventually
from harness.valkey_nodes import ValkeyCluster, valkey_cluster
from listed import CardWriter

from serving import audience
from serving.cluster_link import ClusterLink
from serving.eligibility import ALWAYS_MS
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_slots import slot_of
from serving.write_order import PartitionOwner
from streams.contract.partitioning import partition_of

from .conftest import TTL_S, for_everybody, fragments, stamp, started
from .test_reads import LIST, put_popular

KEYS = Keys("sharded", "v1", clustered=True)
PARTITIONS = 12
USERS = [f"u{number}" for number in range(120)]


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[ValkeyCluster]:
    with valkey_cluster(tmp_path / "nodes") as made:
        yield made


class Lists:
    """Writes as the owners of all partitions."""

    def __init__(self, cluster: ValkeyCluster) -> None:
        self.writer = CardWriter.connect(cluster.url, KEYS)
        self.owners = [PartitionOwner(partition, term=1) for partition in range(PARTITIONS)]

    async def fill(self) -> None:
        await put_popular(self.writer, "popular")
        for owner in self.owners:
            assert await self.writer.hold(owner, None)
            await self.write(owner, 0)

    async def write(self, owner: PartitionOwner, offset: int) -> None:
        users = [user for user in USERS if partition(user) == owner.partition]
        groups = [
            [
                (KEYS.user_list(user), stamp().personal(user, offset, *for_everybody(fragments(f"of {user}")))),
                (KEYS.audience(user), audience.encode(user, 16, "", b"", (), until_ms=ALWAYS_MS)),
            ]
            for user in users
        ]
        result = await self.writer.write_together(groups, TTL_S, owner, held=True)
        assert result.written == len(users)


@pytest.fixture
async def lists(cluster: ValkeyCluster) -> AsyncIterator[Lists]:
    made = Lists(cluster)
    await made.fill()
    yield made
    await made.writer.close()


def partition(user: str) -> int:
    return partition_of(user.encode(), PARTITIONS)


def slot(user: str) -> int:
    return slot_of(KEYS.holder(partition(user)).encode())


@asynccontextmanager
async def endpoint(cluster: ValkeyCluster) -> AsyncIterator[tuple[httpx.AsyncClient, ClusterLink]]:
    config = EndpointConfig(
        cluster.url,
        KEYS.namespace,
        redis_deadline_ms=10_000,
        refresh_ms=50,
        partitions=PARTITIONS,
        rate_per_minute=9999,
    )
    async with started(Endpoint(config)) as (client, services):
        assert isinstance(services.store.link, ClusterLink)
        yield client, services.store.link


async def sources(client: httpx.AsyncClient, users: Sequence[str] = USERS) -> Counter[str]:
    """Of the answers for users, each of which is theirs or what everybody gets."""
    answers = await asyncio.gather(*[client.get(LIST, params={"user_id": user}) for user in users])
    for user, answer in zip(users, answers, strict=True):
        assert answer.status_code == 200, answer.text
        body = answer.json()
        expected = f"of {user}" if body["source"] == "personal" else "popular"
        assert (body["user_id"], [item["item_id"] for item in body["recommendations"]]) == (user, [expected])
    return Counter(answer.json()["source"] for answer in answers)


async def until_all_personal(client: httpx.AsyncClient) -> None:
    async def personal() -> bool:
        return set(await sources(client)) == {"personal"}

    await eventually("personal answers", personal)


@pytest.mark.usefixtures("lists")
async def test_a_slot_that_moves_costs_no_reader_anything(cluster: ValkeyCluster) -> None:
    """Key by key, as redis-cli does it: half of the slot's users are on either side for a while."""
    async with endpoint(cluster) as (client, link):
        await until_all_personal(client)
        assert (await client.get("/readyz")).json()["redis"] == "up"
        moved = slot(USERS[0])
        users = [user for user in USERS if slot(user) == moved]
        source = cluster.primary_of(KEYS.holder(partition(USERS[0])))
        target = next(node for node in cluster.nodes[:3] if node is not source)
        seen: list[Counter[str]] = []
        loop = asyncio.get_running_loop()

        def read() -> None:
            seen.append(asyncio.run_coroutine_threadsafe(sources(client, users), loop).result())

        await asyncio.to_thread(cluster.move_slot, moved, target, 3, read)
        assert len(seen) > 3
        seen.append(await sources(client, users))
        assert {source for sources in seen for source in sources} == {"personal"}

        async def is_known() -> bool:
            return link._map.of(moved) == target.server

        await eventually("the link knows", is_known)


async def test_a_lost_primary_is_missed_by_its_own_readers_only(cluster: ValkeyCluster, lists: Lists) -> None:
    async with endpoint(cluster) as (client, _):
        await until_all_personal(client)
        lost = cluster.primary_of(KEYS.holder(partition(USERS[0])))
        slots = cluster.slots()
        hit = [user for user in USERS if slots.of(slot(user)) == lost.server]
        spared = [user for user in USERS if user not in hit]
        assert hit
        assert spared
        lost.kill()
        assert set(await sources(client, hit)) == {"popular"}
        assert set(await sources(client, spared)) == {"personal"}
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert str(lost.server) in ready.json()["redis"]
        for owner in lists.owners:  # those of the other primaries are written meanwhile
            if slots.of(slot_of(KEYS.holder(owner.partition).encode())) != lost.server:
                await lists.write(owner, 1)

        async def taken_over() -> bool:
            assert set(await sources(client, spared)) == {"personal"}
            return set(await sources(client, hit)) == {"personal"}

        await eventually("a replica takes over", taken_over)

        async def written() -> bool:
            try:
                for owner in lists.owners:
                    await lists.write(owner, 2)
            except RedisUnavailable:
                return False
            return True

        await eventually("all are written", written)
        lost.start()  # it comes back as a replica of the one that took over
        await eventually("the lost one follows", lambda: asyncio.to_thread(cluster.is_in_step, lost))
        await until_all_personal(client)
