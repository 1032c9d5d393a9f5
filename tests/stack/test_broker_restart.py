"""The broker goes away in mid-load and comes back: every client finds it again and nothing is lost or repeated."""

import asyncio
from pathlib import Path

import pytest
from harness.cluster import Cluster, StackConfig, assert_equal_state

from agents.delivery.process_exit import EXIT_UNEXPECTED
from ops.local_stack.stack import LocalStack

pytestmark = pytest.mark.stack


async def test_broker_restart(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start()
    place = StackConfig(own_stack.bootstrap, own_stack.redis_url, "restart", tmp_path)
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


async def test_a_worker_that_is_asked_to_end_while_all_brokers_are_gone_ends(
    own_stack: LocalStack, tmp_path: Path
) -> None:
    own_stack.start()
    place = StackConfig(own_stack.bootstrap, own_stack.redis_url, "gone", tmp_path)
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.group.members_are(1)
        await cluster.publish_traffic(1_000)
        await cluster.group.all_partitions_move()
        await asyncio.to_thread(own_stack.stop_kafka, kill=True)
        assert await worker.terminate() == EXIT_UNEXPECTED, worker.log_text
        assert "shutdown: not done after" in worker.log_text
        await asyncio.to_thread(own_stack.start_kafka)
        cluster.start_worker("second")
        await cluster.wait_until_caught_up()
        account = await cluster.account()
        assert account.unaccounted == 0, account
