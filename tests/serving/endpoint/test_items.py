"""Items as pages need them: what answers say beside titles, an item's page, its figures, and the words of others."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest
from listed import CardWriter as ListWriter
from listed import change_cards

from serving.eligibility import facts_of
from serving.endpoint.card_fields import CARD
from serving.item_card import ItemCard
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner
from streams.contract.catalog import CatalogItem
from streams.contract.item_details import MAX_BYTES, MAX_PEOPLE, MAX_TITLES, decode_details, encode_details

from .conftest import TTL_S, eventually, for_everybody, fragments, stamp
from .test_reads import put_popular, put_user

FILM = CatalogItem(
    "i1",
    title="Title i1",
    genres=("Drama", "War"),
    cast=("A. Actor",),
    director="D. Rector",
    duration_s=5400.0,
    released_at_ms=-1_356_220_800_000,
    thumbnail_url="https://pictures.example/i1.jpg",
    item_type="movie",
    attributes={"mood": "dark", "score": 7, "audio": ["en", "de"], "nested": {"a": 1}},
)
CARD_OF_FILM = {
    "thumbnail_url": "https://pictures.example/i1.jpg",
    "item_type": "movie",
    "genres": ["Drama", "War"],
    "duration_s": 5400.0,
    "released_at": "1927-01-10T00:00:00.000Z",
}


async def put_card(writer: ListWriter, item: CatalogItem, facts: bytes | None = None) -> None:
    said = facts_of(0) if facts is None else facts
    card = ItemCard.of(item.item_id, item.title, said, details=encode_details(item))
    await change_cards(writer, writer.keys, {item_hash(item.item_id): card})


async def told(client: httpx.AsyncClient, path: str, status: int = 200, **given: str) -> Any:
    answer = await client.get(path, params=given or None)
    assert answer.status_code == status, answer.text
    return answer.json()


@pytest.fixture
async def filled(client: httpx.AsyncClient, writer: ListWriter) -> httpx.AsyncClient:
    """A user with a list, popular items, and a card of i1 that says everything."""
    await put_user(writer, "u1", "i1", "i2", "i3")
    await put_popular(writer, "i1", "p2")
    trend = stamp("popular").shared(*for_everybody(fragments("i1", "t2")))
    await writer.write_shared(writer.keys.trending_list("*", "24h"), trend, TTL_S)
    await writer.write_shared(writer.keys.similar("i9"), stamp().shared(*for_everybody(fragments("i1"))), TTL_S)
    await put_card(writer, FILM)

    async def is_read() -> bool:
        answer = await client.get("/api/v1/items/i1")
        return answer.status_code == 200 and "item_type" in answer.json()

    await eventually(is_read)
    return client


ROUTES = (
    ("/api/v1/recommendations?user_id=u1", "recommendations"),
    ("/api/v1/recommendations?user_id=nobody", "recommendations"),
    ("/api/v1/recommendations?user_id=u1&max_maturity=12", "recommendations"),
    ("/api/v1/recommendations?user_id=u1&limit=1", "recommendations"),
    ("/api/v1/trending", "items"),
    ("/api/v1/items/i9/similar", "similar_items"),
    ("/api/v1/recommendations/similar/i9", "similar_items"),
    ("/api/v1/recommendations/homepage/u1", "sections"),
)


@pytest.mark.parametrize(("path", "rows"), ROUTES)
async def test_every_list_says_of_items_what_it_is_asked_for(filled: httpx.AsyncClient, path: str, rows: str) -> None:
    def first(answer: Any) -> dict[str, Any]:
        row = answer[rows]
        return dict(row[0]["items"][0] if rows == "sections" else row[0])

    sign = "&" if "?" in path else "?"
    plain = first(await told(filled, path))
    assert plain["item_id"] == "i1"
    assert not plain.keys() & set(CARD)
    assert first(await told(filled, f"{path}{sign}fields=card")) == plain | CARD_OF_FILM
    asked = f"{path}{sign}fields=genres,attributes.mood,attributes.none,content_id"
    assert first(await told(filled, asked)) == plain | {
        "genres": ["Drama", "War"],
        "attributes": {"mood": "dark"},
        "content_id": "i1",
    }


async def test_what_answers_say_is_from_the_current_catalogue(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    path = "/api/v1/recommendations"
    first = await filled.get(path, params={"user_id": "u1", "fields": "item_type"})
    await put_card(writer, CatalogItem("i1", title="Title i1", item_type="series"))

    async def is_another() -> bool:
        answer = await filled.get(path, params={"user_id": "u1", "fields": "item_type"})
        return bool(answer.json()["recommendations"][0].get("item_type") == "series")

    await eventually(is_another)
    again = await filled.get(path, params={"user_id": "u1", "fields": "item_type"})
    bare = await filled.get(path, params={"user_id": "u1"})
    assert len({first.headers["etag"], again.headers["etag"], bare.headers["etag"]}) == 3


@pytest.mark.parametrize("fields", ["", "title,", "nothing", "attributes.", "genres genres", "GENRES"])
async def test_a_field_that_is_none_is_refused(client: httpx.AsyncClient, fields: str) -> None:
    problem = await told(client, "/api/v1/recommendations", 400, user_id="u1", fields=fields)
    assert problem["parameter"] == "fields"


async def test_an_item_has_a_page_for_whoever_may_see_it(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    page = await told(filled, "/api/v1/items/i1")
    assert page == CARD_OF_FILM | {
        "item_id": "i1",
        "title": "Title i1",
        "people": ["D. Rector", "A. Actor"],
        "attributes": {"mood": "dark", "score": 7, "audio": ["en", "de"]},
    }
    assert await told(filled, "/api/v1/items/i1", fields="genres") == {
        "item_id": "i1",
        "title": "Title i1",
        "genres": ["Drama", "War"],
    }
    await put_card(writer, CatalogItem("adult", title="Adult"), facts_of(18))
    await put_card(writer, CatalogItem("german", title="German"), facts_of(0, countries=("DE",)))

    async def is_read() -> bool:
        return (await filled.get("/api/v1/items/german", params={"country": "DE"})).status_code == 200

    await eventually(is_read)
    for item_id, given in (
        ("adult", {}),
        ("adult", {"user_id": "u1"}),
        ("german", {}),
        ("german", {"country": "FR"}),
        ("none", {}),
        ("i1", {"user_id": "somebody with a list and no record"}),
    ):
        if "record" in given.get("user_id", ""):
            value = stamp().personal(given["user_id"], 1, *for_everybody(fragments("i1")))
            await writer.write_lists([(writer.keys.user_list(given["user_id"]), value)], TTL_S)
        for path in (f"/api/v1/items/{item_id}", f"/api/v1/items/{item_id}/features"):
            assert "no such item" in (await told(filled, path, 404, **given))["detail"]


async def test_numbers_beyond_64_bits_cost_no_answer(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    """None is written, and a card that holds one, of whatever worker, is shown."""
    edges = {"least": -(2**63), "most": 2**64 - 1, "listed": [1, 2.5]}
    beyond = {"large": 2**64, "small": -(2**63) - 1, "far": [10**30]}
    plain = CatalogItem("i1", title="Title i1", attributes=edges | beyond)
    assert decode_details(encode_details(plain)).attributes == edges
    details = b'{"year":1999,"attributes":{"large":%d,"small":-%d}}' % (2**64, 2**70)
    card = ItemCard.of("i1", "Title i1", facts_of(0), details=details)
    await change_cards(writer, writer.keys, {item_hash("i1"): card})

    async def is_another() -> bool:
        answer = await filled.get("/api/v1/items/i1")
        return answer.status_code != 200 or answer.json().get("year") == 1999

    await eventually(is_another)
    page = await filled.get("/api/v1/items/i1")
    assert page.status_code == 200, page.text
    assert b'"large":%d,"small":-%d' % (2**64, 2**70) in page.content
    listed = await filled.get("/api/v1/recommendations?user_id=u1&fields=attributes.large")
    assert (listed.status_code, b"%d" % 2**64 in listed.content) == (200, True)


async def test_an_item_has_figures(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    assert await told(filled, "/api/v1/items/i1/features") == {
        "item_id": "i1",
        "model_version": "v1",
        "updated_at": None,
    }
    value = b'{"popularity":0.5,"updated_at":"2026-11-21T12:56:23.210Z"}'
    assert await writer.write_item_features(PartitionOwner(0, term=2), {item_hash("i1"): value})
    late = PartitionOwner(0, term=1)
    assert not await writer.write_item_features(late, {item_hash("i1"): b"{}"})
    assert late.is_contested
    found = await told(filled, "/api/v1/items/i1/features", user_id="u1")
    assert found == {
        "item_id": "i1",
        "model_version": "v1",
        "popularity": 0.5,
        "updated_at": "2026-11-21T12:56:23.210Z",
    }


async def test_the_words_of_others_are_understood(filled: httpx.AsyncClient) -> None:
    ours, theirs = await asyncio.gather(
        told(filled, "/api/v1/items/i9/similar"), told(filled, "/api/v1/recommendations/similar/i9", refresh="true")
    )
    assert theirs["content_id"] == theirs["item_id"] == "i9"
    (item,) = ours["similar_items"]
    words = {"content_id": "i1", "similarity_score": item["score"], "similarity_type": "behavior"}
    assert theirs["similar_items"] == [item | words]
    homepage = await told(filled, "/api/v1/recommendations", user_id="u1", context="homepage")
    home = await told(filled, "/api/v1/recommendations", user_id="u1", context="home", refresh="false")
    assert home == homepage


async def test_rows_of_what_many_like_are_in_the_order_of_the_reader(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_user(writer, "u1", "c", "b")
    trend = stamp("popular").shared(*for_everybody(fragments("a", "b", "c", "d")))
    await writer.write_shared(writer.keys.trending_list("*", "24h"), trend, TTL_S)

    async def is_read() -> bool:
        return len((await told(client, "/api/v1/trending"))["items"]) == 4

    await eventually(is_read)
    everybodys = (await told(client, "/api/v1/trending"))["items"]
    own = (await told(client, "/api/v1/trending", user_id="u1"))["items"]
    assert [item["item_id"] for item in everybodys] == ["a", "b", "c", "d"]
    assert [item["item_id"] for item in own] == ["c", "b", "a", "d"]
    assert [item["score"] for item in own] == [item["score"] for item in everybodys]


def test_details_are_bounded_and_read_whatever_they_are() -> None:
    long = CatalogItem(
        "i",
        genres=tuple(f"genre {n}" for n in range(50)),
        cast=tuple(f"person {n}" for n in range(50)),
        thumbnail_url="https://pictures.example/" + "x" * 600,
        attributes={f"a{n}": "x" * 50 for n in range(200)},
    )
    value = encode_details(long)
    assert len(value) <= MAX_BYTES
    said = decode_details(value)
    assert (said.attributes, said.thumbnail_url, len(said.people)) == ({}, None, MAX_PEOPLE)
    widest = CatalogItem("i", genres=("g" * 900,) * 50, cast=("p" * 900,) * 50)
    assert len(encode_details(widest)) <= MAX_BYTES
    for odd in (b"", b"nothing", b"[]", b'{"genres":5}'):
        assert decode_details(odd).genres == ()


async def test_titles_are_in_the_language_that_is_asked_for(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    titles = {"de": 'Der "Titel"', "pt-br": "Título"}
    await put_card(writer, CatalogItem("i1", title="Title i1", item_type="movie", year=1999, titles=titles))

    async def is_read() -> bool:
        return bool((await told(filled, "/api/v1/items/i1")).get("year") == 1999)

    await eventually(is_read)
    for path, rows in ROUTES:
        sign = "&" if "?" in path else "?"
        for fields, title in (("title.de", 'Der "Titel"'), ("title.pt_PT,year", "Título"), ("title.fr", "Title i1")):
            row = (await told(filled, f"{path}{sign}fields={fields}"))[rows]
            item = row[0]["items"][0] if rows == "sections" else row[0]
            assert (item["title"], item.get("year")) == (title, 1999 if "year" in fields else None), (path, fields)
    both = await told(filled, "/api/v1/items/i1", fields="card,title.de")
    assert (both["title"], both["item_type"]) == ('Der "Titel"', "movie")
    answers = [await filled.get(f"/api/v1/recommendations?user_id=u1{asked}") for asked in ("", "&fields=title.de")]
    assert len({answer.headers["etag"] for answer in answers}) == 2


def test_titles_are_bounded() -> None:
    many = CatalogItem("i", titles={f"x{number}": "t" * 600 for number in range(90)})
    assert len(encode_details(many)) <= MAX_BYTES
    few = CatalogItem("i", titles={f"x{number:02}": "title" for number in range(90)})
    assert len(decode_details(encode_details(few)).titles) == MAX_TITLES
