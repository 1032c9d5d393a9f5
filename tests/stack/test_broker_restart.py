"""The broker goes away in mid-load and comes back: every client finds it again and nothing is lost or repeated."""

import asyncio
from pathlib import Path

import pytest
from harness.cluster import Cluster, Place, assert_equal_state

from ops.local_stack.stack import LocalStack

pytestmark = pytest.mark.stack


async def test_broker_restart(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start()
    place = Place(own_stack.bootstrap, own_stack.redis_url, "restart", tmp_path)
    async with Cluster(place, "v1") as cluster, Cluster(place, "ref") as undisturbed:
        cluster.start_worker("first")
        cluster.start_worker("second")
        async with cluster.load():
            await cluster.group.members_are(2)
            await cluster.group.all_partitions_move()
            await asyncio.to_thread(own_stack.stop_kafka)
            await asyncio.to_thread(own_stack.start_kafka)
            await cluster.group.all_partitions_move()
        undisturbed.start_worker("worker")
        await assert_equal_state(cluster, undisturbed)
