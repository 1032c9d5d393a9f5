"""What a worker sent to Redis before it fell asleep arrives after others took over: nobody notices.

A proxy holds the zombie's bytes, so that they arrive when the test says so, as after a long pause of the process or
of the network.
"""

import asyncio
import secrets
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from urllib.parse import urlsplit

import orjson
import pytest
from harness.cluster import Cluster, StackConfig
from harness.polling import eventually
from harness.processes import WorkerProcess
from harness.traffic import catalogue
from proxy import Proxy
from redis import Redis
from redis.client import Monitor

from agents.delivery.process_exit import EXIT_FENCED
from ops.local_stack.stack import LocalStack
from ops.operator.erasure.erase import Erased, erase
from ops.operator.snapshots.kept_files import RetainedFiles
from streams.contract.identities import PLAIN
from streams.kafka.producer import OutgoingRecord

pytestmark = pytest.mark.stack

#: More than any machine needs.
LONG_S = 600


@asynccontextmanager
async def zombie_behind_a_proxy(cluster: Cluster) -> AsyncIterator[tuple[WorkerProcess, Proxy]]:
    """A worker that reaches Redis through the proxy."""
    parts = urlsplit(cluster.place.redis_url)
    assert parts.port
    async with Proxy(parts.port) as proxy:
        detour = replace(cluster.place, redis_url=f"redis://127.0.0.1:{proxy.port}{parts.path}")
        yield cluster.workers.add(detour.worker("sleeper", cluster.version)), proxy


@pytest.fixture
async def cluster(stack: LocalStack, namespace: str, tmp_path: Path) -> AsyncIterator[Cluster]:
    place = StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    async with Cluster(place, "v1") as made:
        await made.publish(catalogue(made.topics.catalog))
        yield made


def view(cluster: Cluster, user: str, item: str) -> OutgoingRecord:
    event = {"event_type": "view", "user_id": user, "item_id": item, "timestamp": time.time_ns() // 1_000_000}
    return OutgoingRecord(cluster.topics.interactions, user.encode(), orjson.dumps(event))


async def listed(cluster: Cluster, user: str, after: int = -1) -> int:
    """The offset that the user's list reflects, once it is higher than `after`."""

    async def offset() -> int | None:
        cluster.workers.tend()
        prefix = cluster.list_prefix(user)
        return None if prefix is None or prefix.offset <= after else prefix.offset + 1

    return await eventually(f"{user} has a list", offset) - 1


async def is_held(proxy: Proxy) -> None:
    async def anything() -> bool:
        return bool(proxy.held)

    await eventually("the sleeper has sent what is waited for", anything)


async def forget(cluster: Cluster, user: str) -> Erased:
    topics, place = cluster.topics, cluster.place
    files = RetainedFiles(str(place.folder / "storage"), topics)
    return await erase(place.bootstrap, place.redis_url, topics, user, PLAIN, files, wait_s=LONG_S)


async def let_pass(proxy: Proxy, redis: Redis, word: str) -> None:
    """Lets what is held flow, and returns when Redis has carried out the command in it that names the word."""
    with redis.monitor() as monitor:
        arrived = asyncio.create_task(asyncio.to_thread(_next_of, monitor, word))
        proxy.restore()
        await arrived


def _next_of(monitor: Monitor, word: str) -> None:
    while word not in monitor.next_command()["command"]:
        pass


async def wake(cluster: Cluster, zombie: WorkerProcess) -> None:
    """Lets the zombie go on: it learns that it owns nothing any more, and ends."""
    zombie.thaw()

    async def ended() -> bool:
        cluster.workers.tend()
        return bool(zombie.exits)

    await eventually("the sleeper ends", ended)
    assert zombie.exits == [EXIT_FENCED]
    await cluster.wait_until_caught_up()


async def test_a_list_that_arrives_after_an_erasure_is_refused(cluster: Cluster) -> None:
    user = f"u-{secrets.token_hex(4)}"
    async with zombie_behind_a_proxy(cluster) as (zombie, proxy):
        await cluster.publish([view(cluster, user, "i1")])
        await listed(cluster, user)
        proxy.cut_at(b"EVALSHA", cluster.keys.user_list(user).encode())
        await cluster.publish([view(cluster, user, "i2")])
        await is_held(proxy)
        zombie.freeze()
        cluster.start_worker("next-owner")
        erased = await forget(cluster, user)
        assert (erased.versions, erased.left.total) == ({"v1": "forgotten"}, 0)

        await let_pass(proxy, cluster.redis, cluster.keys.user_list(user))
        assert cluster.redis.keys(f"*{{u:{user}}}*") == []
        await wake(cluster, zombie)
        assert cluster.redis.keys(f"*{{u:{user}}}*") == []


async def test_a_removal_that_arrives_after_the_user_came_back_is_refused(cluster: Cluster) -> None:
    user = f"u-{secrets.token_hex(4)}"
    async with zombie_behind_a_proxy(cluster) as (zombie, proxy):
        await cluster.publish([view(cluster, user, "i1")])
        before = await listed(cluster, user)
        proxy.cut_at(b"UNLINK", cluster.keys.user_list(user).encode())
        forgetting = asyncio.create_task(forget(cluster, user))
        await is_held(proxy)
        zombie.freeze()
        cluster.start_worker("next-owner")
        assert (await forgetting).versions == {"v1": "forgotten"}
        await cluster.publish([view(cluster, user, "i3")])
        came_back = await listed(cluster, user, before)

        await let_pass(proxy, cluster.redis, cluster.keys.user_list(user))
        assert await listed(cluster, user) == came_back
        await wake(cluster, zombie)
        assert await listed(cluster, user) == came_back
