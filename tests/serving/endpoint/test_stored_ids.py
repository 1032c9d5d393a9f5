"""With a secret the endpoint finds lists by stored ids, names users as they were asked for, and stores no raw id."""

from __future__ import annotations

import asyncio
from dataclasses import replace
from typing import Any

import orjson
import pytest
from listed import change_cards, continue_fragment

from serving import audience
from serving.eligibility import ALWAYS_MS, facts_of
from serving.endpoint.config import EndpointConfig
from serving.item_card import ItemCard
from serving.redis_writer import ListWriter
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner
from streams.contract.identities import Identities
from streams.contract.partitioning import partition_of
from streams.contract.user_records import user_of
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

from .conftest import TTL_S, eventually, running, stamp
from .test_publisher import read
from .test_reads import LIST, put_popular, put_user

HASHED = Identities(b"0123456789abcdef0123456789abcdef")
USER = 'me ",\\"recommendation_id":'  # as odd as an id may be


@pytest.fixture
def hashed(config: EndpointConfig) -> EndpointConfig:
    return replace(config, identities=HASHED)


async def test_every_list_of_a_user_is_found_and_names_the_raw_id(hashed: EndpointConfig, writer: ListWriter) -> None:
    stored = HASHED.of(USER)
    await put_user(writer, stored, "a", "b")
    async with running(hashed) as client:
        own = (await client.get(LIST, params={"user_id": USER})).json()
        new = (await client.get(LIST, params={"user_id": stored})).json()
    assert (own["source"], own["user_id"], len(own["recommendations"])) == ("personal", USER, 2)
    assert own["recommendation_id"].startswith("v1.0.7.")
    assert new["source"] == "popular"  # knowing a stored id opens nothing


async def test_the_homepage_and_what_was_begun(hashed: EndpointConfig, writer: ListWriter) -> None:
    stored = HASHED.of("u")
    await put_user(writer, stored, "a", "b")
    begun = stamp().personal(stored, 7, [continue_fragment("c", "Title c", 50.0, 60, 1)])
    await writer.write_lists([(writer.keys.continue_watching(stored), begun)], TTL_S)
    async with running(hashed) as client:
        home = (await client.get("/api/v1/recommendations/homepage/u")).json()
        watching = (await client.get("/api/v1/users/u/continue-watching")).json()
    assert home["user_id"] == watching["user_id"] == "u"
    assert [row["id"] for row in home["sections"]] == ["top_picks", "continue_watching"]
    assert [item["item_id"] for item in watching["items"]] == ["c"]


@pytest.mark.parametrize("has_list", [False, True])
async def test_on_every_route_a_child_is_held_to_its_own_record(
    hashed: EndpointConfig, writer: ListWriter, has_list: bool
) -> None:
    """The record lies under the stored id of the reader, and not under the stored id of that."""
    keys, stored = writer.keys, HASHED.of("child")
    if has_list:
        await put_user(writer, stored, "tame")
    record = audience.encode(stored, 6, "", b"", (), until_ms=ALWAYS_MS)
    await writer.write_together([((keys.audience(stored), record),)], TTL_S)
    await put_popular(writer, "wild", "tame")
    searches = {"title wild": 1.0, "title tame": 0.5}
    for window in ("24h", "7d"):
        await writer.write_zset(keys.search_trending("*", window), searches, TTL_S, PartitionOwner(0, term=1))
    ages = {"wild": 16, "tame": 0}
    cards = {item_hash(name): ItemCard.of(name, f"Title {name}", facts_of(age)) for name, age in ages.items()}
    await change_cards(writer, keys, cards)
    routes = (
        f"{LIST}?page=first",
        f"{LIST}?exclude=none",
        "/api/v1/search?q=title",
        "/api/v1/search/suggestions?q=title",
        "/api/v1/search/trending?region=*",
    )
    async with running(hashed) as client:

        async def is_indexed() -> bool:
            return "wild" in (await client.get("/api/v1/search?q=title&user_id=grown")).text

        await eventually(is_indexed)
        for route in routes:
            assert "wild" in (await client.get(f"{route}&user_id=grown")).text, route
            told = (await client.get(f"{route}&user_id=child")).text
            assert "tame" in told, route
            assert "wild" not in told, route


async def test_what_is_published_and_noted_holds_stored_ids_only(
    stack: Any, hashed: EndpointConfig, namespace: str, writer: ListWriter
) -> None:
    topics = Topics(namespace, "v1")
    await asyncio.to_thread(ensure_topics, stack.bootstrap, topics, 3, 1, 60)
    await put_user(writer, HASHED.of("known-by-name"), "a")
    partition = partition_of(b"known-by-name", 3)
    async with running(replace(hashed, kafka_bootstrap=stack.bootstrap, partitions=3)) as client:
        answer = (await client.get(LIST, params={"user_id": "known-by-name"})).json()
        records = [(await read(stack.bootstrap, topic, 1))[0] for topic in (topics.served, topics.requests)]

        async def noted() -> bool:
            marks = await writer.reader_marks(partition).noted_since(0, 10)
            return [member for member, _ in marks] == [HASHED.of("known-by-name")]

        await eventually(noted)
    assert answer["user_id"] == "known-by-name"
    for record in records:
        assert b"known-by-name" not in record.key + record.value
        assert (user_of(record.key).decode(), record.partition) == (HASHED.of("known-by-name"), partition)
        assert orjson.loads(record.value)["user_id"] == HASHED.of("known-by-name")
