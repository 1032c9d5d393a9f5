"""What was asked and shown reaches Kafka, keyed by the user; a Kafka that is away costs records, never an answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError

from serving.endpoint import publisher as module
from serving.endpoint.config import EndpointConfig
from serving.endpoint.publisher import Publisher, Shown
from serving.redis_writer import ListWriter
from streams.partitioning import partition_of
from streams.topics import Topics
from streams.topics_admin import ensure_topics
from streams.user_records import user_of

from .conftest import eventually, running
from .test_reads import LIST, put_user


async def read(bootstrap: str, topic: str, count: int) -> list[Any]:
    consumer = AIOKafkaConsumer(topic, bootstrap_servers=bootstrap, auto_offset_reset="earliest")
    await consumer.start()
    try:
        async with asyncio.timeout(30):
            return [await consumer.getone() for _ in range(count)]
    finally:
        await consumer.stop()


async def test_requests_and_answers_are_published(
    stack: Any, config: EndpointConfig, namespace: str, writer: ListWriter
) -> None:
    topics = Topics(namespace, "v1")
    ensure_topics(stack.bootstrap, topics, 3, replication=1, timeout_s=60)
    await put_user(writer, "u", "a", 'b"', "c")
    async with running(replace(config, kafka_bootstrap=stack.bootstrap, partitions=3)) as client:
        own = (await client.get(LIST, params={"user_id": "u", "limit": 2, "device_type": "tv"})).json()

        async def published() -> bool:
            return "freshet_endpoint_published_total 2.0" in (await client.get("/metrics")).text

        await eventually(published)
        await client.get(LIST, params={"user_id": "new"})  # the last answer before the end is not lost
    shown = {user_of(record.key): record for record in await read(stack.bootstrap, topics.served, 2)}
    asked = {user_of(record.key): record for record in await read(stack.bootstrap, topics.requests, 2)}
    assert {record.partition for record in (shown[b"u"], asked[b"u"])} == {partition_of(b"u", 3)}
    value = orjson.loads(shown[b"u"].value)
    assert value["items"] == ["a", 'b"']
    assert (value["recommendation_id"], value["source"]) == (own["recommendation_id"], "personal")
    assert orjson.loads(shown[b"new"].value)["source"] == "popular"
    request = orjson.loads(asked[b"u"].value)
    assert request.pop("timestamp") > 0
    assert request == {"user_id": "u", "limit": 2, "device_type": "tv"}


async def test_without_kafka_records_are_dropped_and_counted(
    config: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "MAX_QUEUED_BYTES", 300)  # an answer without items is 200 bytes and more
    async with running(replace(config, kafka_bootstrap="127.0.0.1:1")) as client:
        for _ in range(5):
            assert (await client.get(LIST, params={"user_id": "u"})).status_code == 200
        page = (await client.get("/metrics")).text
    assert "freshet_endpoint_publish_dropped_total 6.0" in page


async def test_a_batch_that_kafka_refuses_is_counted_for_both_topics(config: EndpointConfig) -> None:
    class Refusing:
        async def partitions_for(self, _: str) -> set[int]:
            raise KafkaConnectionError

    publisher = Publisher(config)
    for number in range(3):
        publisher.add(Shown(number, {"user_id": "u"}, "personal", b"{", b""))
    with pytest.raises(KafkaConnectionError):
        await publisher._keep_draining(Refusing())
    publisher.add(Shown(4, {"user_id": "u"}, "personal", b"{", b""))
    await publisher.close()
    assert (publisher.published, publisher.dropped) == (0, 8)
