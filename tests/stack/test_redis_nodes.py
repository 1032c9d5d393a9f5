"""Workers and an endpoint over a real cluster, and over sentinels, while slots move and primaries die: every request is
answered, what the successor of a lost primary never heard of is written again, and nothing older stays."""

import asyncio
import secrets
from collections import Counter, defaultdict
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import httpx
import pytest
import redis
from contents import compare_contents
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.endpoint import started
from harness.polling import eventually
from harness.traffic import catalogue, event_record
from harness.valkey_nodes import ValkeyCluster, ValkeyNode, valkey_cluster, valkey_sentinels

from ops.local_stack.stack import LocalStack
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig
from serving.redis_slots import slot_of
from streams.contract.partitioning import partition_of
from streams.kafka.topics_admin import delete_namespace

pytestmark = pytest.mark.stack

LIST = "/api/v1/recommendations"
PRELOADED = 400
#: Of machines that are busy with other tests: what is late is served from memory, and that is not what is tested here.
DEADLINE_MS = 10_000
#: Of each partition some readers, and some who do something only in the tail that is lost.
READERS = {partition: [] for partition in range(PARTITIONS)}
TAIL = {partition: [] for partition in range(PARTITIONS)}
for number in range(200):
    for names, kind in ((READERS, "reader"), (TAIL, "tail")):
        user = f"{kind}-{number}"
        if len(of_partition := names[partition_of(user.encode(), PARTITIONS)]) < 5:
            of_partition.append(user)


@asynccontextmanager
async def served(stack: LocalStack, url: str, folder: Path) -> AsyncIterator[tuple[Cluster, httpx.AsyncClient]]:
    """A worker with a history, and an endpoint."""
    place = StackConfig(stack.bootstrap, url, f"test-{secrets.token_hex(4)}", folder)
    try:
        async with Cluster(place, "v1") as cluster:
            await cluster.publish(catalogue(cluster.topics.catalog))
            await cluster.publish_traffic(PRELOADED)
            await like(cluster, [user for users in (*READERS.values(), *TAIL.values()) for user in users])
            cluster.start_worker("worker")
            await cluster.wait_until_caught_up()
            await lists_are_right(cluster)
            config = EndpointConfig(
                url, place.namespace, redis_deadline_ms=DEADLINE_MS, refresh_ms=50, partitions=PARTITIONS
            )
            async with started(Endpoint(config)) as (client, _):
                yield cluster, client
    finally:
        delete_namespace(stack.bootstrap, place.namespace)


async def like(cluster: Cluster, users: list[str]) -> dict[str, int]:
    """An event of each; the offset of each."""
    topic = cluster.topics.interactions
    return {
        user: (await cluster.publish_one(event_record(topic, user, f"i{number % 20}", event_type="like"))).offset
        for number, user in enumerate(users)
    }


class Readings:
    """What readers of each partition were answered, in turn, for as long as the body runs."""

    def __init__(self, client: httpx.AsyncClient) -> None:
        self._client = client
        self._over = False
        self.sources: defaultdict[int, Counter[str]] = defaultdict(Counter)

    async def read(self) -> None:
        for partition, users in READERS.items():
            for user in users:
                await asyncio.sleep(0)  # an answer out of memory waits for nothing, and would let nothing else run
                answer = await self._client.get(LIST, params={"user_id": user})
                assert answer.status_code == 200, answer.text
                # By whose list it is: that of somebody of whom little was known may be called popular.
                self.sources[partition]["own" if answer.json()["as_of"] else "everybody's"] += 1

    async def are_own(self) -> None:
        """Returns when all of them are. What compares lists keeps the event loop from everybody else: right after it a
        reply may look late."""

        async def all_own() -> bool:
            self.sources.clear()
            await self.read()
            return {source for sources in self.sources.values() for source in sources} == {"own"}

        await eventually("answers of their own lists", all_own)

    async def _run(self) -> None:
        while not self._over:
            await self.read()

    @asynccontextmanager
    async def going_on(self) -> AsyncIterator[None]:
        self._over = False
        task = asyncio.create_task(self._run())
        try:
            yield
        finally:  # not by cancelling, which a reply that arrives at that moment swallows
            self._over = True
            await task


async def lists_are_right(cluster: Cluster) -> None:
    """Every list is that of its user's last event and shows nothing forbidden; what there is to continue and the
    features are what rows say. What share of a list one that is made now has in common with it does not matter here:
    after so few events that changes with each."""
    await cluster.wait_until_caught_up()

    async def right() -> bool:
        contents = await compare_contents(cluster)
        return contents.users > 0 and all(why.partition("%")[0].isdecimal() for why in contents.wrong.values())

    await eventually("lists that are right", right)


async def loses_a_tail(
    cluster: Cluster, partition: int, primary: ValkeyNode, replica: ValkeyNode, successor: Callable[[], ValkeyNode]
) -> None:
    """The primary is killed after it wrote what its replica never heard of; returns when all of it is there again."""
    before = {user: cluster.list_prefix(user) for user in TAIL[partition]}
    await asyncio.to_thread(primary.cut_off, replica)
    last = await like(cluster, TAIL[partition])

    async def reflected() -> bool:
        try:
            prefixes = {user: cluster.list_prefix(user) for user in TAIL[partition]}
        except redis.RedisError:  # nobody serves the slot now
            return False
        return {user: prefix.offset for user, prefix in prefixes.items() if prefix} == last

    await eventually("lists of the tail", reflected)
    primary.kill()
    replica.thaw()

    async def taken_over() -> bool:
        return await asyncio.to_thread(successor) is replica

    await eventually("the replica takes over", taken_over)
    assert all(prefix is not None and prefix.offset < last[user] for user, prefix in before.items())
    await eventually("lists of the tail once more", reflected)


@pytest.fixture
def nodes(tmp_path: Path) -> Iterator[ValkeyCluster]:
    with valkey_cluster(tmp_path / "nodes") as made:
        yield made


async def test_a_cluster_is_resharded_and_loses_a_primary_under_load(
    stack: LocalStack, nodes: ValkeyCluster, tmp_path: Path
) -> None:
    async with served(stack, nodes.url, tmp_path) as (cluster, client):
        readings = Readings(client)
        await readings.are_own()  # every primary is connected
        holder = cluster.keys.holder
        async with cluster.load(), readings.going_on():
            slot = slot_of(holder(1).encode())
            target = nodes.primary_of(holder(3))
            assert nodes.primary_of(holder(1)) is not target
            await asyncio.to_thread(nodes.move_slot, slot, target)
            await like(cluster, TAIL[1])
        for partition, sources in readings.sources.items():
            assert set(sources) == {"own"}, partition
        await lists_are_right(cluster)
        await readings.are_own()

        lost = nodes.primary_of(holder(0))
        replica = nodes.replica_of(lost)
        spared = [number for number in range(PARTITIONS) if nodes.primary_of(holder(number)) is not lost]
        assert spared
        async with cluster.load(), readings.going_on():
            await loses_a_tail(cluster, 0, lost, replica, lambda: nodes.primary_of(holder(0)))
        for partition in spared:
            assert set(readings.sources[partition]) == {"own"}
        assert set(readings.sources[0]) <= {"own", "everybody's"}
        await lists_are_right(cluster)
        await readings.are_own()


async def test_what_the_sentinels_promote_is_followed(stack: LocalStack, tmp_path: Path) -> None:
    with valkey_sentinels(tmp_path / "nodes") as nodes:
        async with served(stack, nodes.url, tmp_path) as (cluster, client):
            readings = Readings(client)
            await readings.are_own()
            primary, replica = nodes.servers
            async with cluster.load(), readings.going_on():
                await loses_a_tail(cluster, 0, primary, replica, nodes.primary)
            assert {source for sources in readings.sources.values() for source in sources} <= {"own", "everybody's"}
            await lists_are_right(cluster)
            await readings.are_own()
