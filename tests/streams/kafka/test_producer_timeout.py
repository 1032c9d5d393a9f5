"""A Kafka that is lost after the start: aiokafka itself would try for ever."""

import asyncio
from typing import Any

import pytest
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, ProducerClosed
from aiokafka.protocol.metadata import MetadataResponse_v1

from streams.kafka import clients, producer
from streams.kafka.errors import KafkaUnreachable
from streams.kafka.producer import OutgoingRecord, Producer

TOPIC = "t"
RECORD = OutgoingRecord(TOPIC, b"u", b"{}", 0)
make_producer = clients.producer


@pytest.fixture(params=["refuses", "silent"])
def lost(request: pytest.FixtureRequest, monkeypatch: pytest.MonkeyPatch) -> list[AIOKafkaProducer]:
    """Clients as made, with what they knew before their broker was lost: a topic, its leader, a producer's id."""
    made: list[AIOKafkaProducer] = []

    def knowing(address: str, **options: Any) -> AIOKafkaProducer:
        kafka = make_producer(address, **options)
        client = kafka.client
        client.cluster.update_metadata(
            MetadataResponse_v1([(0, "127.0.0.1", 1, None)], 0, [(0, TOPIC, False, [(0, 0, 0, [0], [0])])])
        )
        kafka._txn_manager.set_pid_and_epoch(1, 0)

        async def nothing(*_: object, **__: object) -> Any:
            return client.cluster

        async def send(*_: object, **__: object) -> None:
            if request.param == "silent":
                await asyncio.Event().wait()
            raise KafkaConnectionError("the broker is away")

        client.bootstrap = client.fetch_all_metadata = nothing
        client.force_metadata_update = lambda: asyncio.ensure_future(nothing())
        client.send = send
        made.append(kafka)
        return kafka

    monkeypatch.setattr(clients, "producer", knowing)
    monkeypatch.setattr(producer, "_CLOSE_S", 0.1)
    return made


async def ended(lost: list[AIOKafkaProducer]) -> None:
    """What still waited when the producer was left waits for a broker that answers nothing; nothing is sent again."""
    (kafka,) = lost
    assert kafka._closed
    assert kafka._sender.sender_task.cancelling() or kafka._sender.sender_task.done()
    others = asyncio.all_tasks() - {asyncio.current_task()}
    for task in others:
        task.cancel()
    await asyncio.gather(*others, return_exceptions=True)


async def test_a_record_is_given_up(lost: list[AIOKafkaProducer]) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(KafkaUnreachable, match=r"not acknowledged by t within 0.2 s"):
            async with Producer("127.0.0.1:1", delivery_timeout_s=0.2) as made:
                await made.publish(RECORD)
        await ended(lost)


async def test_so_are_many(lost: list[AIOKafkaProducer]) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(KafkaUnreachable, match=r"not acknowledged by t within 0.2 s"):
            async with Producer("127.0.0.1:1", delivery_timeout_s=0.2) as made:
                await made.publish_all([RECORD] * 10)
        await ended(lost)


async def test_so_is_what_nobody_waits_for(lost: list[AIOKafkaProducer]) -> None:
    async with asyncio.timeout(30):
        with pytest.raises(KafkaUnreachable, match="no Kafka broker took all that was sent"):
            async with Producer("127.0.0.1:1", delivery_timeout_s=0.2) as made:
                future = await made.send(RECORD)
        with pytest.raises(ProducerClosed):
            await future
        await ended(lost)
