"""The demo's publisher: order, counts, and what is not acknowledged."""

import asyncio

import pytest
from aiokafka.errors import KafkaTimeoutError

from offline.traffic import TimedRecord
from ops.demo.publisher import DemoPublisher
from streams.kafka.errors import PublishError
from streams.kafka.producer import OutgoingRecord

TOPIC = "events"


class Acknowledged:
    def __init__(self, topic: str, partition: int, offset: int) -> None:
        self.topic, self.partition, self.offset = topic, partition, offset


class FakeProducer:
    """Acknowledges on the next turn of the loop; key = partition; refuses values named "lost"."""

    def __init__(self) -> None:
        self.sent: list[OutgoingRecord] = []

    async def send(self, record: OutgoingRecord) -> "asyncio.Future[Acknowledged]":
        self.sent.append(record)
        loop = asyncio.get_running_loop()
        future: asyncio.Future[Acknowledged] = loop.create_future()
        if record.value == b"lost":
            loop.call_soon(future.set_exception, KafkaTimeoutError())
        else:
            loop.call_soon(future.set_result, Acknowledged(record.topic, int(record.key or 0), len(self.sent)))
        return future


def record(value: bytes, partition: int = 0, due_s: float = 0.0, topic: str = TOPIC) -> TimedRecord:
    return TimedRecord(OutgoingRecord(topic, b"%d" % partition, value), int(due_s * 1000))


async def test_records_go_out_in_order_and_count_by_partition_once_acknowledged() -> None:
    heard: list[bytes | None] = []
    producer = FakeProducer()
    publisher = DemoPublisher(producer, TOPIC, lambda sent, _: heard.append(sent.value))  # type: ignore[arg-type]
    records = [record(b"%d" % number, number % 3, number / 1000) for number in range(10)]

    await publisher.run(records)

    assert heard == [outgoing.value for outgoing, _ in records]
    assert publisher.acknowledged_by_partition == {0: 4, 1: 3, 2: 3}
    assert publisher.acknowledged == 10
    assert publisher.events_per_s() > 0


async def test_records_of_other_topics_pass_along_uncounted() -> None:
    producer = FakeProducer()
    publisher = DemoPublisher(producer, TOPIC, lambda *_: pytest.fail("not of our topic"))  # type: ignore[arg-type]

    await publisher.run([record(b"item", topic="catalogue")])

    assert len(producer.sent) == 1
    assert publisher.acknowledged == 0


@pytest.mark.parametrize("topic", [TOPIC, "catalogue"])
async def test_a_record_that_is_not_acknowledged_ends_publishing(topic: str) -> None:
    producer = FakeProducer()
    publisher = DemoPublisher(producer, TOPIC, lambda *_: None)  # type: ignore[arg-type]
    later = [record(b"x", due_s=0.01 + number / 100) for number in range(100)]

    with pytest.raises(PublishError):
        await publisher.run([record(b"lost", topic=topic), *later])

    assert len(producer.sent) < 100
