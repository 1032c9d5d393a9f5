"""Two workers in mid-load, hurt in every way: state is that of an undisturbed run, byte for byte."""

import pytest
from harness.cluster import Cluster, assert_equal_state

from agents.delivery.process_exit import EXIT_FENCED

pytestmark = pytest.mark.stack


async def test_kill_9_of_either_worker(cluster: Cluster, reference: Cluster) -> None:
    first, second = cluster.start_worker("first"), cluster.start_worker("second")
    await cluster.group.members_are(2)
    async with cluster.load():
        await cluster.group.all_partitions_move()
        second.kill()
        cluster.start_worker("third")
        await cluster.group.members_are(2)
        await cluster.group.all_partitions_move()
        first.kill()
        await cluster.group.all_partitions_move()
    await assert_equal_state(cluster, reference)


async def test_a_worker_that_slept_through_its_session_while_its_heir_is_killed(
    cluster: Cluster, reference: Cluster
) -> None:
    sleeper, heir = cluster.start_worker("sleeper"), cluster.start_worker("heir")
    await cluster.group.members_are(2)
    async with cluster.load():
        await cluster.group.all_partitions_move()
        sleeper.freeze()
        await cluster.group.members_are(1)
        await cluster.group.all_partitions_move()
        sleeper.thaw()
        heir.kill()
        await cluster.group.all_partitions_move()
    await assert_equal_state(cluster, reference)
    assert set(sleeper.exits) <= {EXIT_FENCED}


async def test_sigterm(cluster: Cluster, reference: Cluster) -> None:
    leaver = cluster.start_worker("leaver")
    cluster.start_worker("stayer")
    await cluster.group.members_are(2)
    async with cluster.load():
        await cluster.group.all_partitions_move()
        assert await leaver.terminate() == 0
        await cluster.group.all_partitions_move()
        cluster.start_worker("newcomer")
        await cluster.group.members_are(2)
        await cluster.group.all_partitions_move()
    await assert_equal_state(cluster, reference)
