"""A Kafka of three nodes: nothing that was acknowledged goes with one of them."""

import asyncio
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from pathlib import Path

import psutil
import pytest
from aiokafka import AIOKafkaConsumer, AIOKafkaProducer, TopicPartition
from aiokafka.admin import AIOKafkaAdminClient, NewTopic

from ops.configuration.settings import Settings
from ops.local_stack.configured import ConfiguredServers
from ops.local_stack.errors import StackError
from ops.local_stack.kafka_config import NodeAddress, server_properties
from ops.local_stack.kafka_server import broker_ids
from ops.local_stack.process import Ended
from ops.local_stack.server import ServerOwner, Started
from ops.local_stack.stack import LocalStack

NODES = frozenset({1, 2, 3})
NOBODY = -1
TOPIC = "kept"
PARTITION = TopicPartition(TOPIC, 0)


@pytest.fixture
def cluster(tmp_path: Path) -> Iterator[LocalStack]:
    servers = LocalStack.on_free_ports(tmp_path / "state", nodes=3)
    yield servers
    servers.stop()
    servers.wipe()


@asynccontextmanager
async def admin_of(bootstrap: str) -> AsyncIterator[AIOKafkaAdminClient]:
    admin = AIOKafkaAdminClient(bootstrap_servers=bootstrap)
    await admin.start()
    try:
        yield admin
    finally:
        await admin.close()


async def leader_other_than(former: int, bootstrap: str) -> int:
    """The leader of the topic's partition, as soon as every node that is asked knows it."""
    async with admin_of(bootstrap) as admin, asyncio.timeout(60):
        while True:
            (topic,) = await admin.describe_topics([TOPIC])
            leaders = [int(partition["leader"]) for partition in topic["partitions"]]
            if leaders and leaders[0] in NODES - {former}:
                return leaders[0]
            await asyncio.sleep(0.1)


async def values_in_log(bootstrap: str) -> list[bytes]:
    async with AIOKafkaConsumer(bootstrap_servers=bootstrap) as consumer:
        consumer.assign([PARTITION])
        await consumer.seek_to_beginning(PARTITION)
        end = (await consumer.end_offsets([PARTITION]))[PARTITION]
        values: list[bytes] = []
        while await consumer.position(PARTITION) < end:
            for records in (await consumer.getmany(timeout_ms=500)).values():
                values += [record.value for record in records]
        return values


@pytest.mark.stack
async def test_the_loss_of_a_leader_loses_nothing(cluster: LocalStack, tmp_path: Path) -> None:
    assert cluster.start() == dict.fromkeys(("redis", "kafka-1", "kafka-2", "kafka-3"), Started.NOW)
    bootstrap = cluster.bootstrap
    pids = cluster.kafka_pids
    assert [broker_ids(status.address) for status in cluster.status()[:3]] == [NODES] * 3
    assert {status.owner for status in cluster.status()} == {ServerOwner.FRESHET}
    async with admin_of(bootstrap) as admin:
        await admin.create_topics([NewTopic(TOPIC, 1, 3)])
    leader = await leader_other_than(NOBODY, bootstrap)
    sent = [str(number).encode() for number in range(400)]

    async with AIOKafkaProducer(bootstrap_servers=bootstrap, acks="all", enable_idempotence=True) as producer:
        for value in sent[:200]:
            await producer.send_and_wait(TOPIC, value, partition=0)
        assert cluster.stop_kafka(node=leader, kill=True) is Ended.KILLED
        for value in sent[200:]:
            await producer.send_and_wait(TOPIC, value, partition=0)

    assert cluster.kafka_pids == pids | {leader: None}
    assert await leader_other_than(leader, bootstrap) in NODES
    assert await values_in_log(bootstrap) == sent
    assert cluster.start_kafka(node=leader) is Started.NOW
    remembering = LocalStack(tmp_path / "state", *ports(cluster))
    assert remembering.nodes == 3
    assert remembering.start_kafka() is Started.BEFORE
    assert remembering.stop() == dict.fromkeys(("kafka-1", "kafka-2", "kafka-3", "redis"), Ended.STOPPED)
    assert not any(psutil.pid_exists(pid) for pid in pids.values() if pid)
    remembering.wipe()
    assert [path.name for path in (tmp_path / "state").rglob("*") if path.is_file()] == ["stack.lock"]


@pytest.mark.parametrize(
    ("bootstrap", "shown"),
    [
        ("127.0.0.1:9", ["127.0.0.1:9", "127.0.0.1:10", "127.0.0.1:11"]),
        ("127.0.0.1:9,127.0.0.1:10,127.0.0.1:11", ["127.0.0.1:9", "127.0.0.1:10", "127.0.0.1:11"]),
        ("127.0.0.1:9,127.0.0.1:77", ["127.0.0.1:9,127.0.0.1:77"]),
        ("broker.example:9", ["broker.example:9"]),
    ],
)
def test_only_consecutive_ports_of_this_machine_are_nodes_of_ours(
    bootstrap: str, shown: list[str], tmp_path: Path
) -> None:
    settings = Settings.model_validate({"kafka_bootstrap": bootstrap, "state_dir": tmp_path})
    addresses = ConfiguredServers(settings, nodes=3).addresses
    assert [address for name, address in addresses.items() if name.startswith("kafka")] == shown


@pytest.mark.stack
def test_a_folder_keeps_its_number_of_nodes(own_stack: LocalStack, tmp_path: Path) -> None:
    own_stack.start_kafka()
    own_stack.stop()

    with pytest.raises(StackError, match=r"1 node\(s\), not 3; .*wipe"):
        LocalStack(tmp_path / "state", *ports(own_stack), nodes=3).start_kafka()


def test_impossible_nodes_are_refused(tmp_path: Path) -> None:
    with pytest.raises(StackError, match="1 or 3 nodes, not 2"):
        LocalStack.on_free_ports(tmp_path, nodes=2)
    with pytest.raises(StackError, match="no node 4"):
        LocalStack.on_free_ports(tmp_path, nodes=3).stop_kafka(node=4)


@pytest.mark.parametrize(("nodes", "in_sync"), [(1, 1), (3, 2)])
def test_all_nodes_but_one_confirm_every_write(nodes: int, in_sync: int) -> None:
    lines = server_properties(NodeAddress(1, 9, range(10, 10 + nodes)), Path("data")).splitlines()

    settings = dict(line.split("=", 1) for line in lines)
    copies = {int(value) for name, value in settings.items() if name.endswith("replication.factor")}
    confirmed = {int(value) for name, value in settings.items() if name.endswith(("min.isr", "min.insync.replicas"))}
    assert (copies, confirmed) == ({nodes}, {in_sync})


def ports(servers: LocalStack) -> tuple[int, int]:
    """The ports that make the same stack again."""
    kafka, *_, redis = (int(status.address.rpartition(":")[2]) for status in servers.status())
    return kafka, redis
