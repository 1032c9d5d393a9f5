"""Two workers in mid-load, hurt in every way: state is that of an undisturbed run, byte for byte."""

import asyncio
from pathlib import Path

import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from harness.cluster import Cluster, StackConfig, assert_equal_state
from harness.zombies import ends, freeze_in_a_transaction

from agents.delivery.process_exit import EXIT_FENCED, EXIT_LOG
from ops.local_stack.stack import LocalStack
from ops.operator.inspect.lag import read_lag

pytestmark = [pytest.mark.stack, pytest.mark.shared_log]


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


async def test_a_worker_that_slept_through_its_session_while_its_next_owner_is_killed(
    cluster: Cluster, reference: Cluster
) -> None:
    zombie, next_owner = cluster.start_worker("sleeper"), cluster.start_worker("next-owner")
    await cluster.group.members_are(2)
    async with cluster.load():
        await cluster.group.all_partitions_move()
        await freeze_in_a_transaction(cluster, zombie)
        await cluster.group.members_are(1)
        await cluster.group.all_partitions_move()
        zombie.thaw()
        next_owner.kill()
        await ends(cluster, zombie)
        assert zombie.exits[0] == EXIT_FENCED, zombie.exits
        await cluster.group.all_partitions_move()
    await assert_equal_state(cluster, reference)
    assert set(zombie.exits) == {EXIT_FENCED}


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


async def test_who_was_away_for_longer_than_the_log_reaches_back_leaves_nothing_out(
    stack: LocalStack, namespace: str, tmp_path: Path
) -> None:
    place = StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(200)
        await cluster.wait_until_caught_up()
        assert await worker.terminate() == 0
        rows, topic = await cluster.user_rows(), cluster.topics.interactions
        await cluster.publish_traffic(200)
        committed, ends = await cluster.progress.committed(topic), await cluster.progress.ends(topic)
        late = next(number for number, end in ends.items() if end - committed[number] > 10)
        await remove_records(place.bootstrap, TopicPartition(topic, late), committed[late] + 5)

        lag = await read_lag(place.bootstrap, place.redis_url, cluster.topics)
        assert {(row.topic, row.partition): row.removed for row in lag.partitions if row.removed} == {(topic, late): 5}
        back = cluster.start_worker("back")
        assert await asyncio.to_thread(back.wait) == EXIT_LOG
        assert f"{topic}:{late} cannot be read on" in back.log_text
        assert f"offsets {committed[late]} to {committed[late] + 4} were removed from the log" in back.log_text
        assert (await cluster.progress.committed(topic))[late] == committed[late]
        left = await cluster.user_rows()
        assert {key: left[key] for key in left if key[0] == late} == {key: rows[key] for key in rows if key[0] == late}


async def remove_records(bootstrap: str, tp: TopicPartition, before: int) -> None:
    """What retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()
