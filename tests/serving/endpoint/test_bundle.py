"""What a device keeps: rows with cards, nothing whose time ends before the bundle's does, under one tag."""

from __future__ import annotations

from datetime import datetime
from typing import Any

import httpx
from listed import CardWriter, change_cards

from serving.eligibility import facts_of
from serving.endpoint.bodies import now_ms
from serving.endpoint.reads.bundle import keep_until_ms
from serving.fragments import rfc3339
from serving.item_card import ItemCard
from serving.seen_filter import item_hash
from streams.contract.catalog import CatalogItem
from streams.contract.item_details import encode_details
from streams.contract.units import HOUR_MS

from .conftest import eventually
from .test_reads import put_popular, put_user

PATH = "/api/v1/users/u/bundle"
HOMEPAGE = "/api/v1/recommendations/homepage/u"
FOREVER_MS = 2**50


async def put_card(writer: CardWriter, item_id: str, facts: bytes) -> None:
    details = encode_details(CatalogItem(item_id, genres=("War",), duration_s=60.0, cast=("A. Actor",)))
    await change_cards(writer, writer.keys, {item_hash(item_id): ItemCard.of(item_id, item_id, facts, details=details)})


def test_it_may_be_kept_for_a_day_and_up_to_an_hour() -> None:
    assert keep_until_ms(0) == 25 * HOUR_MS
    assert keep_until_ms(HOUR_MS - 1) == 25 * HOUR_MS
    assert keep_until_ms(HOUR_MS) == 26 * HOUR_MS


async def test_a_bundle_is_a_homepage_with_cards_without_what_ends_sooner(
    client: httpx.AsyncClient, writer: CardWriter
) -> None:
    await put_user(writer, "u", "a", "soon", "late", "adult")
    await put_popular(writer, "a", "p", "soon")
    await put_card(writer, "a", facts_of(0))
    await put_card(writer, "soon", facts_of(0, until_ms=now_ms() + 2 * HOUR_MS))
    await put_card(writer, "late", facts_of(0, until_ms=now_ms() + 48 * HOUR_MS))
    await put_card(writer, "adult", facts_of(18))

    async def body() -> Any:
        answer = await client.get(PATH)
        assert answer.status_code == 200, answer.text
        return answer.json()

    async def is_read() -> bool:
        rows = {row["id"]: [item["item_id"] for item in row["items"]] for row in (await body())["sections"]}
        return rows == {"top_picks": ["a", "late"], "popular": ["p"]}

    await eventually(is_read)
    home = (await client.get("/api/v1/recommendations/homepage/u")).json()["sections"][0]
    assert [item["item_id"] for item in home["items"]] == ["a", "soon", "late"]
    before_ms = now_ms()
    bundle = await body()
    assert bundle["keep_until"] in {rfc3339(keep_until_ms(at_ms)) for at_ms in (before_ms, now_ms())}
    assert datetime.fromisoformat(bundle["keep_until"]).timestamp() * 1000 > before_ms + 24 * HOUR_MS
    first = bundle["sections"][0]["items"][0]
    assert (first["genres"], first["duration_s"], first["people"]) == (["War"], 60.0, ["A. Actor"])
    one = (await client.get(PATH, params={"limit": "1", "fields": "genres"})).json()["sections"][0]["items"]
    assert [(item["item_id"], "people" in item, item["genres"]) for item in one] == [("a", False, ["War"])]
    assert (await client.get(PATH, params={"limit": "51"})).status_code == 400


async def test_an_unchanged_bundle_costs_no_body(client: httpx.AsyncClient, writer: CardWriter) -> None:
    await put_user(writer, "u", "a", "b")
    await put_popular(writer, "p")

    async def is_unchanged() -> bool:  # unless an hour began, or a card was read, in between
        tag = (await client.get(PATH)).headers["etag"]
        return (await client.get(PATH, headers={"if-none-match": tag})).status_code == 304

    await eventually(is_unchanged)
    homepage = (await client.get(HOMEPAGE)).headers["etag"]
    await put_popular(writer, "p")  # written again, as workers do every second, with the items that it had

    async def was_read_again() -> bool:
        return (await client.get(HOMEPAGE)).headers["etag"] != homepage

    await eventually(was_read_again)
    await eventually(is_unchanged)
    tag = (await client.get(PATH)).headers["etag"]
    await put_user(writer, "u", "b", "a", offset=8)

    async def is_another() -> bool:
        return (await client.get(PATH)).headers["etag"] != tag

    await eventually(is_another)
