"""A leader that lacks acknowledged records is elected: a real election among three brokers, not a file cut by hand."""

import asyncio
from collections.abc import Iterator
from pathlib import Path

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from harness.cluster import PARTITIONS, Cluster, StackConfig
from harness.polling import eventually
from harness.traffic import Traffic
from kafka.admin import KafkaAdminClient, NewTopic

from agents.delivery.process_exit import EXIT_LOG
from ops.local_stack.stack import LocalStack
from streams.kafka.log_state import retried
from streams.kafka.topics import TIMESTAMP_TYPE, Topics
from streams.kafka.topics_admin import ensure_topics

pytestmark = pytest.mark.stack

LEADER, LAGGARD = 1, 2
#: One copy is enough for whoever writes, and one that is behind is better than none: the setting that loses records.
CARELESS = {"unclean.leader.election.enable": "true", "min.insync.replicas": "1", TIMESTAMP_TYPE: "LogAppendTime"}


@pytest.fixture
def brokers(tmp_path: Path) -> Iterator[LocalStack]:
    servers = LocalStack.on_free_ports(tmp_path / "state", nodes=3)
    servers.start()
    yield servers
    servers.stop()
    servers.wipe()


def create_topics(bootstrap: str, topics: Topics) -> None:
    """Interactions on two of the three brokers; everything else survives the loss of any."""
    with KafkaAdminClient(bootstrap_servers=bootstrap) as admin:
        copies = {partition: [LEADER, LAGGARD] for partition in range(PARTITIONS)}
        admin.create_topics([NewTopic(topics.interactions, replica_assignments=copies, topic_configs=CARELESS)])
    ensure_topics(bootstrap, topics, PARTITIONS, replication=3, timeout_s=60)


async def partitions_of(bootstrap: str, topic: str, which: str) -> list[object]:
    """`leader` or `isr` of every partition."""
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        (described,) = await retried(lambda: admin.describe_topics([topic]))
        return [partition[which] for partition in described["partitions"]]
    finally:
        await admin.close()


async def records_in(cluster: Cluster) -> int:
    """Of the log that there is now."""
    return sum((await cluster.progress.ends(cluster.topics.interactions)).values())


async def publish(cluster: Cluster, count: int, seed: int) -> None:
    """As a producer that asks the leader alone."""
    async with AIOKafkaProducer(bootstrap_servers=cluster.place.bootstrap, acks=1) as producer:
        for record in Traffic(cluster.topics.interactions, seed=seed).records(count):
            await producer.send_and_wait(record.topic, record.value, record.key)


async def test_an_unclean_election_is_named_and_nothing_is_read_on(brokers: LocalStack, tmp_path: Path) -> None:
    place = StackConfig(brokers.bootstrap, brokers.redis_url, "unclean", tmp_path)
    topic = place.topics("v1").interactions
    await asyncio.to_thread(create_topics, place.bootstrap, place.topics("v1"))
    async with Cluster(place, "v1") as cluster:
        worker = cluster.start_worker("first")
        await publish(cluster, 100, seed=1)
        await asyncio.to_thread(brokers.stop_kafka, LAGGARD, kill=True)

        async def one_copy_is_left() -> bool:
            return await partitions_of(place.bootstrap, topic, "isr") == [[LEADER]] * PARTITIONS

        await eventually("the others count as lagging", one_copy_is_left)
        await publish(cluster, 200, seed=2)
        written = await records_in(cluster)
        await cluster.wait_until_caught_up()
        rows = await cluster.user_rows()

        await asyncio.to_thread(brokers.stop_kafka, LEADER, kill=True)
        await asyncio.to_thread(brokers.start_kafka, LAGGARD)

        async def the_laggard_leads() -> bool:
            return await partitions_of(place.bootstrap, topic, "leader") == [LAGGARD] * PARTITIONS

        await eventually("the laggard leads", the_laggard_leads)
        kept = await records_in(cluster)

        async def it_is_named() -> bool:
            cluster.workers.tend()  # what two lost brokers do to a transaction is another matter
            return EXIT_LOG in worker.exits

        await eventually("the worker ends because of the log", it_is_named)
        assert f"{topic}:" in worker.log_text
        assert "is not the log whose offsets before" in worker.log_text
        assert "freshet replay" in worker.log_text
        await worker.ended()

        await publish(cluster, 400, seed=3)  # other records have those offsets now
        back = cluster.start_worker("back")
        assert await back.ended() == EXIT_LOG, back.log_text
        assert "an unclean leader election or a lost disk cut it off" in back.log_text
        assert await cluster.user_rows() == rows, "nothing was folded of the other records"
        account = await cluster.account()
        assert account.unaccounted == await records_in(cluster) - kept, account
        assert sum(other.gone for other in account.other_logs.values()) == written - kept
