"""What was asked and shown reaches Kafka, keyed by the user; a Kafka that is away costs records, never an answer."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import httpx
import orjson
import pytest
from aiokafka import AIOKafkaConsumer
from aiokafka.errors import KafkaConnectionError
from listed import continue_fragment, item_fragment

from serving.endpoint import publisher as module
from serving.endpoint.config import EndpointConfig
from serving.endpoint.publisher import AnswerPublisher
from serving.endpoint.shown import ShownAnswer
from serving.redis_writer import ListWriter
from streams.contract.partitioning import partition_of
from streams.contract.served import AsOf, parse_served
from streams.contract.user_records import user_of
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

from .conftest import TTL_S, eventually, for_everybody, fragments, running, stamp
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
    assert [(item["item_id"], item["position"], item["algorithm"]) for item in value["items"]] == [
        ("a", 0, "popular"),
        ('b"', 1, "popular"),
    ]
    assert (value["surface"], value["device_type"], value["timestamp"] > 0) == ("recommendations", "tv", True)
    assert (value["recommendation_id"], value["source"]) == (own["recommendation_id"], "personal")
    assert orjson.loads(shown[b"new"].value)["source"] == "popular"
    request = orjson.loads(asked[b"u"].value)
    assert request.pop("timestamp") > 0
    assert request == {"user_id": "u", "limit": 2, "device_type": "tv", "surface": "recommendations"}


async def test_a_homepage_is_published_with_all_that_was_asked_and_shown(
    stack: Any, config: EndpointConfig, namespace: str, writer: ListWriter
) -> None:
    topics = Topics(namespace, "v1")
    ensure_topics(stack.bootstrap, topics, 3, replication=1, timeout_s=60)
    await put_user(writer, "u", "a", "b")
    after = stamp().personal("u", 7, fragments("b", "c"), context="post_play")
    await writer.write_lists([(writer.keys.user_list("u", "post_play"), after)], TTL_S)
    asked = {"limit": 2, "device_type": "tv", "country": "DE"}
    async with running(replace(config, kafka_bootstrap=stack.bootstrap, partitions=3)) as client:
        page = (await client.get(f"{LIST}/homepage/u", params=asked)).json()
    request, shown = [
        orjson.loads((await read(stack.bootstrap, topic, 1))[0].value) for topic in (topics.requests, topics.served)
    ]
    assert request.pop("timestamp") == shown["timestamp"]
    assert request == {"user_id": "u", **asked, "surface": "homepage"}
    assert shown["surface"] == "homepage"
    assert [(item["row"], item["position"], item["item_id"]) for item in shown["items"]] == [
        ("top_picks", 0, "a"),
        ("top_picks", 1, "b"),
        ("because_you_watched", 0, "c"),
    ]
    assert (shown["country"], shown["device_type"]) == ("DE", "tv")
    assert shown["recommendation_id"] == page["recommendation_id"]


async def test_every_route_says_what_it_showed(
    stack: Any, config: EndpointConfig, namespace: str, writer: ListWriter
) -> None:
    topics = Topics(namespace, "v1")
    ensure_topics(stack.bootstrap, topics, 3, replication=1, timeout_s=60)
    keys = writer.keys
    begun = stamp().personal("u", 9, [continue_fragment("b", "B", 50, 10, 1)])
    await writer.write_lists([(keys.continue_watching("u"), begun)], TTL_S)
    near = [item_fragment("n", "N", 0.9, "Similar", "similar", "co_occurrence")]
    await writer.write_shared(keys.similar("x"), stamp("popular").shared(*for_everybody(near)), TTL_S)
    hot = [item_fragment("h", "H", 0.8, "Now", "trending", "trending")]
    await writer.write_shared(keys.trending_list("*", "24h"), stamp("popular").shared(*for_everybody(hot)), TTL_S)
    paths = {
        "continue_watching": "/api/v1/users/u/continue-watching",
        "similar": "/api/v1/items/x/similar",
        "trending": "/api/v1/trending",
    }
    answers = {}
    async with running(replace(config, kafka_bootstrap=stack.bootstrap, partitions=3)) as client:
        for surface, path in paths.items():
            answers[surface] = (await client.get(path)).json()
            assert (await client.head(path)).status_code == 200, "nothing is shown to HEAD"
            assert (await client.get(path, params={"limit": "0"})).status_code == 400, "nor to whom is refused"
    records = await read(stack.bootstrap, topics.served, 3)
    shown = {served.surface: served for served in (parse_served(record.value) for record in records)}
    assert shown.keys() == paths.keys()
    for surface, served in shown.items():
        assert served.recommendation_id == answers[surface]["recommendation_id"]
    (item,) = shown["continue_watching"].items
    assert (item.item_id, item.row, item.algorithm) == ("b", "continue_watching", "rule")
    assert shown["continue_watching"].as_of == AsOf(0, 9)
    (item,) = shown["similar"].items
    assert (item.item_id, item.score, item.algorithm) == ("n", 0.9, "co_occurrence")
    (item,) = shown["trending"].items
    assert (item.item_id, item.algorithm, shown["trending"].user_id) == ("h", "trending", "")


async def test_the_country_that_a_homepage_is_asked_for_is_held_too(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    assert (await client.get(f"{LIST}/homepage/new", params={"country": "NL"})).status_code == 200
    await writer.write_shared(writer.keys.popular(segment="NL"), stamp("segment").shared(fragments("p")), TTL_S)

    async def held() -> bool:
        return (await client.get("/readyz")).json().get("fallback_lists") == 1

    await eventually(held)


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

    publisher = AnswerPublisher(config)
    for number in range(3):
        publisher.add(ShownAnswer(number, {"user_id": "u"}, "personal", b"{", b""))
    with pytest.raises(KafkaConnectionError):
        await publisher._keep_draining(Refusing())
    publisher.add(ShownAnswer(4, {"user_id": "u"}, "personal", b"{", b""))
    await publisher.close()
    assert (publisher.published, publisher.dropped) == (0, 8)
