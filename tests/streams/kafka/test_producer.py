"""Publishing to a real Kafka: acknowledged, in order, in the partition where everybody expects the key."""

from collections.abc import AsyncIterator

import pytest
from aiokafka import AIOKafkaConsumer, TopicPartition

from ops.local_stack.ports import free_port
from ops.local_stack.stack import LocalStack
from streams.contract.partitioning import partition_of
from streams.kafka.errors import KafkaUnreachable, PublishError
from streams.kafka.producer import Acknowledgement, OutgoingRecord, Producer
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

PARTITIONS = 3


@pytest.fixture
def topic(stack: LocalStack, namespace: str) -> str:
    topics = Topics(namespace)
    ensure_topics(stack.bootstrap, topics, PARTITIONS, 1, timeout_s=30.0)
    return topics.interactions


@pytest.mark.stack
async def test_records_are_in_the_log_where_the_acknowledgement_says(stack: LocalStack, topic: str) -> None:
    sent = [OutgoingRecord(topic, f"u{n}".encode(), b"%d" % n) for n in range(500)]
    heard: list[tuple[OutgoingRecord, Acknowledgement]] = []
    async with Producer(stack.bootstrap) as producer:
        assert await producer.publish_all(sent, lambda record, ack: heard.append((record, ack))) == 500
    assert [record for record, _ in heard] == sent
    log = await read_all(stack.bootstrap, topic)
    for record, ack in heard:
        assert ack.topic == topic
        assert ack.partition == partition_of(record.key or b"", PARTITIONS)
        assert log[ack.partition, ack.offset] == (record.key, record.value)
    assert len(log) == 500


@pytest.mark.stack
async def test_an_explicit_partition_wins(stack: LocalStack, topic: str) -> None:
    wrong = (partition_of(b"u", PARTITIONS) + 1) % PARTITIONS
    async with Producer(stack.bootstrap) as producer:
        assert (await producer.publish(OutgoingRecord(topic, b"u", b"{}", wrong))).partition == wrong
        assert await producer.partitions(topic) == PARTITIONS


@pytest.mark.stack
async def test_records_may_come_from_an_async_source(stack: LocalStack, topic: str) -> None:
    async def source() -> AsyncIterator[OutgoingRecord]:
        for number in range(10):
            yield OutgoingRecord(topic, b"u", b"%d" % number)

    async with Producer(stack.bootstrap) as producer:
        assert await producer.publish_all(source()) == 10


@pytest.mark.stack
async def test_what_cannot_be_sent_is_an_error_with_its_topic(stack: LocalStack, topic: str) -> None:
    async with Producer(stack.bootstrap) as producer:
        with pytest.raises(PublishError, match=r"missing does not exist.*freshet topics create"):
            await producer.publish(OutgoingRecord(f"{topic}.missing", b"u", b"{}"))
        with pytest.raises(PublishError, match=topic):
            await producer.publish_all([OutgoingRecord(topic, b"u", b"x" * 3_000_000)])
        assert (await producer.publish(OutgoingRecord(topic, b"u", b"{}"))).offset >= 0


async def test_nobody_at_the_address() -> None:
    address = f"127.0.0.1:{free_port()}"
    with pytest.raises(KafkaUnreachable, match=address):
        async with Producer(address):
            pass


async def read_all(bootstrap: str, topic: str) -> dict[tuple[int, int], tuple[bytes | None, bytes | None]]:
    consumer = AIOKafkaConsumer(bootstrap_servers=bootstrap, enable_auto_commit=False)
    await consumer.start()
    try:
        partitions = [TopicPartition(topic, number) for number in range(PARTITIONS)]
        consumer.assign(partitions)
        await consumer.seek_to_beginning(*partitions)
        ends = await consumer.end_offsets(partitions)
        log = {}
        while any([await consumer.position(tp) < ends[tp] for tp in partitions]):
            for tp, records in (await consumer.getmany(timeout_ms=200)).items():
                log.update({(tp.partition, record.offset): (record.key, record.value) for record in records})
        return log
    finally:
        await consumer.stop()
