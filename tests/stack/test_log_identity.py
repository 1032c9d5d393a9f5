"""The log is deleted and made again, cut off, or given other partitions: workers say so and leave nothing out."""

import asyncio
import re
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from aiokafka.admin import AIOKafkaAdminClient, RecordsToDelete
from aiokafka.structs import TopicPartition
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.commands import Done, freshet
from harness.polling import eventually
from harness.traffic import Traffic
from kafka.admin import ConfigResource, ConfigResourceType, KafkaAdminClient

from agents.delivery.process_exit import EXIT_LOG, EXIT_UNEXPECTED
from ops.exit_codes import ExitCode
from ops.local_stack.stack import LocalStack
from ops.operator.inspect.lag import read_lag
from ranking import features
from ranking.examples import Example
from ranking.examples import encode as encode_example
from streams.contract.erasure import ErasureMarker
from streams.kafka.producer import OutgoingRecord, Producer
from streams.kafka.topics_admin import ensure_topics
from tables import user_keys
from tables.item_deltas import Entries
from tables.item_deltas import encode as encode_deltas

pytestmark = pytest.mark.stack

NO_EXAMPLE = Example(3, True, np.zeros((0, features.COUNT), np.float32))


@pytest.fixture
def place(stack: LocalStack, namespace: str, tmp_path: Path) -> StackConfig:
    return StackConfig(stack.bootstrap, stack.redis_url, namespace, tmp_path)


async def test_a_log_that_was_made_again_while_nobody_worked_is_not_read_on(place: StackConfig) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(400)
        await cluster.wait_until_caught_up()
        worker.kill()
        rows = await cluster.user_rows()
        await make_again(cluster, cluster.topics.interactions)
        await cluster.publish_traffic(600)

        lag = await read_lag(place.bootstrap, place.redis_url, cluster.topics)
        others = {row.topic for row in lag.partitions if row.other_log}
        assert others == {cluster.topics.interactions}, "its figures say nothing, and lag says so"
        account = await cluster.account()
        assert account.unaccounted == 600, account
        assert sum(other.gone for other in account.other_logs.values()) == 400
        back = cluster.start_worker("back")
        assert await back.ended() == EXIT_LOG, back.log_text
        assert f"{cluster.topics.interactions}:" in back.log_text
        assert "the topic was deleted and made again, or is a copy" in back.log_text
        assert "freshet replay" in back.log_text
        assert await cluster.user_rows() == rows, "nothing was folded of the other log"


async def test_a_log_that_is_made_again_under_a_worker_ends_it_for_good(place: StackConfig) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(400)
        await cluster.wait_until_caught_up()
        await make_again(cluster, cluster.topics.interactions)
        await cluster.publish_traffic(600)

        assert await worker.ended() == EXIT_LOG, worker.log_text
        # Gone, made again, or shorter than what was read: whichever is seen first.
        topic = cluster.topics.interactions
        assert re.search(f"{topic} was deleted|{topic}:. is not the log whose offsets", worker.log_text), (
            worker.log_text
        )
        back = cluster.start_worker("back")
        assert await back.ended() == EXIT_LOG, back.log_text
        assert "was deleted and made again" in back.log_text


@pytest.mark.parametrize("which", ["user_changelog", "item_model", "erasure"])
async def test_rows_are_not_gone_on_with_when_what_they_need_was_made_again_under_a_worker(
    place: StackConfig, which: str
) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(200)
        await cluster.wait_until_caught_up()
        topic = getattr(cluster.topics, which)
        await make_again(cluster, topic)
        assert await worker.ended() == EXIT_LOG, worker.log_text
        assert topic in worker.log_text
        back = cluster.start_worker("back")
        assert await back.ended() == EXIT_LOG, back.log_text


@pytest.mark.parametrize("which", ["catalog", "profiles", "controls", "versions"])
async def test_followed_topics_that_were_made_again_are_read_anew(place: StackConfig, which: str) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(200)
        await cluster.wait_until_caught_up()
        topic = getattr(cluster.topics, which)
        await make_again(cluster, topic)
        assert await worker.ended() == EXIT_UNEXPECTED, worker.log_text
        # Another topic, or shorter than what was read while its id is not known yet: whichever is seen first.
        assert re.search(
            f"topic {topic} was deleted|{topic}:. was followed up to offset .*, but the log ends", worker.log_text
        ), worker.log_text
        assert "starting again goes on with what it holds" in worker.log_text
        cluster.start_worker("back")
        await cluster.publish_traffic(200)
        await cluster.wait_until_caught_up()
        assert (await cluster.account()).unaccounted == 0


async def test_erasures_that_lost_their_end_are_noticed_by_who_carried_them_out(
    own_stack: LocalStack, tmp_path: Path
) -> None:
    own_stack.start()
    place = StackConfig(own_stack.bootstrap, own_stack.redis_url, "cut", tmp_path)
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(400)
        await cluster.wait_until_caught_up()
        users = [
            key[1:] for partition, key in await cluster.user_rows() if partition == 1 and key[:1] == user_keys.USER
        ]
        assert len(users) > 3
        for user in users:  # a batch each, of which some are cut off
            marker = ErasureMarker(user.decode(), time.time_ns() // 1_000_000, 1_000_000)
            await cluster.publish_one(OutgoingRecord(cluster.topics.erasure, user, marker.encode(), 1))

        async def all_are_forgotten() -> bool:
            return not any(key[1:] in users for _, key in await cluster.user_rows())

        await eventually("all are forgotten", all_are_forgotten)
        await asyncio.to_thread(cut_off, own_stack, tmp_path, f"{cluster.topics.erasure}-1")
        assert await worker.ended() == EXIT_LOG, worker.log_text
        assert f"{cluster.topics.erasure}:1 was followed up to offset {len(users)}, but" in worker.log_text
        back = cluster.start_worker("back")
        assert await back.ended() == EXIT_LOG, back.log_text
        assert "who asked to be erased there is not known any more" in back.log_text
        async with Producer(place.bootstrap) as producer:  # others take the offsets of those that are lost
            for user in users:
                await producer.publish(OutgoingRecord(cluster.topics.erasure, b"other-" + user, None, 1))
        again = cluster.start_worker("again")
        assert await again.ended() == EXIT_LOG, again.log_text
        assert "unclean leader election or a lost disk" in again.log_text


@pytest.mark.parametrize("which", ["deltas", "ranker_examples"])
async def test_what_the_workers_derive_may_be_lost_with_a_warning(place: StackConfig, which: str) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        topic = getattr(cluster.topics, which)
        await traffic_that_reaches(cluster, topic)
        await make_again(cluster, topic)
        assert await worker.ended() == EXIT_UNEXPECTED, worker.log_text

        back = cluster.start_worker("back")
        await cluster.publish_traffic(1_000)
        await cluster.wait_until_caught_up()
        await eventually("examples are folded", lambda: cluster.progress.caught_up(cluster.topics.inputs))
        account = await cluster.account()
        assert account.unaccounted == 0, account
        warning = f"WARNING agents.delivery.log_check: {topic}:0 was read up to offset"
        assert warning in worker.log_text + back.log_text, "whoever took the partition over first"


@pytest.mark.parametrize("which", ["deltas", "ranker_examples"])
async def test_what_retention_took_of_a_derived_log_is_left_out_with_a_warning(place: StackConfig, which: str) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        topic = getattr(cluster.topics, which)
        await traffic_that_reaches(cluster, topic)

        async def position() -> int:
            return (await cluster.progress.committed(topic))[0] or 0

        await eventually("positions are committed on time", position)
        worker.kill()
        committed = await position()
        value = encode_deltas(Entries(), 0, 0) if which == "deltas" else encode_example(NO_EXAMPLE)
        await cluster.publish(OutgoingRecord(topic, b"0", value, partition=0) for _ in range(50))
        await remove_records(place.bootstrap, TopicPartition(topic, 0), committed + 20)

        back = cluster.start_worker("back")
        await eventually("all is folded", lambda: cluster.progress.caught_up(cluster.topics.inputs))
        await cluster.publish_traffic(1_000)
        await eventually("all is folded", lambda: cluster.progress.caught_up(cluster.topics.inputs))
        assert f"WARNING agents.delivery.log_check: {topic}:0: offsets {committed} to" in back.log_text
        assert back.exits == []
        await cluster.wait_until_caught_up()
        account = await cluster.account()
        assert account.unaccounted == 0, account


async def test_a_log_that_lost_its_end_is_not_read_on(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start()
    place = StackConfig(own_stack.bootstrap, own_stack.redis_url, "cut", tmp_path)
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        for _ in range(4):  # record batches, of which some are cut off
            await cluster.publish_traffic(100)
        await cluster.wait_until_caught_up()
        worker.kill()
        topic, rows = cluster.topics.interactions, await cluster.user_rows()
        await asyncio.to_thread(cut_off, own_stack, tmp_path, f"{topic}-1")
        before = await cluster.progress.ends(topic)

        back = cluster.start_worker("back")
        assert await back.ended() == EXIT_LOG, back.log_text
        assert f"{topic}:1 is not the log whose offsets before" in back.log_text
        while min((await cluster.progress.ends(topic)).values()) < max(before.values()) + 200:
            await publish_anew(cluster, 200)  # other records take the offsets of those that are lost
        again = cluster.start_worker("again")
        assert await again.ended() == EXIT_LOG, again.log_text
        assert "unclean leader election or a lost disk" in again.log_text
        assert await cluster.user_rows() == rows


async def test_a_log_that_loses_its_end_under_a_worker_is_not_read_on(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start()
    place = StackConfig(own_stack.bootstrap, own_stack.redis_url, "cut", tmp_path)
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        for _ in range(4):
            await cluster.publish_traffic(100)
        await cluster.wait_until_caught_up()
        topic = cluster.topics.interactions
        await asyncio.to_thread(cut_off, own_stack, tmp_path, f"{topic}-1")
        await publish_anew(cluster, 1_000)
        assert await worker.ended() == EXIT_LOG, worker.log_text
        assert f"{topic}:1 is not the log whose offsets before" in worker.log_text


async def traffic_that_reaches(cluster: Cluster, topic: str) -> None:
    """Publishes until partition 0 of a derived topic holds something and all is folded. A thousand events may give that
    partition no example: which users they are of is drawn."""
    await cluster.publish_traffic(1_000)
    await eventually("all is folded", lambda: cluster.progress.caught_up(cluster.topics.inputs))
    while not (await cluster.progress.ends(topic))[0]:
        await cluster.publish_traffic(200)
        await eventually("all is folded", lambda: cluster.progress.caught_up(cluster.topics.inputs))


async def status(place: StackConfig) -> Done:
    """`freshet status`."""
    return await freshet("status", environment=place.environment("v1") | {"COLUMNS": "200"}, folder=place.folder)


async def publish_anew(cluster: Cluster, count: int) -> None:
    """As a producer that was not there before: one that was refuses a log that forgot what it wrote."""
    async with Producer(cluster.place.bootstrap) as producer:
        await producer.publish_all(Traffic(cluster.topics.interactions, seed=count).records(count))


async def test_partitions_that_are_added_end_a_worker_and_keep_it_out(place: StackConfig) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(100)
        await cluster.wait_until_caught_up()
        topic = cluster.topics.interactions
        await with_admin(place, lambda admin: admin.create_partitions({topic: PARTITIONS + 2}))
        assert await worker.ended() == EXIT_LOG, worker.log_text
        assert f"topic {topic} has 6 partitions, FRESHET_PARTITIONS is 4" in worker.log_text
        assert f"topic {topic}: partitions is 6, should be 4" in (await status(place)).stdout
        back = cluster.start_worker("back")
        assert await back.ended() == ExitCode.USAGE
        assert f"topic {topic} has 6 partitions, FRESHET_PARTITIONS is 4" in back.log_text


async def test_times_of_producers_end_a_worker_and_keep_it_out(place: StackConfig) -> None:
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await cluster.publish_traffic(100)
        await cluster.wait_until_caught_up()
        topic = cluster.topics.interactions
        resource = ConfigResource(ConfigResourceType.TOPIC, topic, {"message.timestamp.type": "CreateTime"})
        await with_admin(place, lambda admin: admin.alter_configs([resource]))
        assert await worker.ended() == EXIT_LOG, worker.log_text
        assert f"topic {topic} has message.timestamp.type=CreateTime" in worker.log_text
        said = await status(place)
        assert f"topic {topic}: message.timestamp.type is CreateTime, should be LogAppendTime" in said.stdout
        assert "replication 1: every record has one copy" in said.stdout
        assert said.returncode == ExitCode.CHECK_FAILED
        back = cluster.start_worker("back")
        assert await back.ended() == ExitCode.USAGE
        assert "--add-config message.timestamp.type=LogAppendTime" in back.log_text


async def make_again(cluster: Cluster, topic: str) -> None:
    place = cluster.place

    def delete_and_create() -> None:
        with KafkaAdminClient(bootstrap_servers=place.bootstrap) as admin:
            admin.delete_topics([topic])
            while topic in admin.list_topics():
                pass
        ensure_topics(place.bootstrap, cluster.topics, PARTITIONS, replication=1, timeout_s=30)

    await asyncio.to_thread(delete_and_create)


async def with_admin(place: StackConfig, do: Callable[[KafkaAdminClient], object]) -> None:
    def run() -> None:
        with KafkaAdminClient(bootstrap_servers=place.bootstrap) as admin:
            do(admin)

    await asyncio.to_thread(run)


def cut_off(servers: LocalStack, folder: Path, partition: str) -> None:
    """What the loss of a disk's cache leaves: the log's last bytes are gone, and nobody closed it in good order."""
    servers.stop_kafka(kill=True)
    (segment,) = folder.rglob(f"{partition}/*.log")
    with segment.open("r+b") as log:
        log.truncate(segment.stat().st_size // 2)
    servers.start_kafka()


async def remove_records(bootstrap: str, tp: TopicPartition, before: int) -> None:
    """What retention does."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        await admin.delete_records({tp: RecordsToDelete(before_offset=before)})
    finally:
        await admin.close()
