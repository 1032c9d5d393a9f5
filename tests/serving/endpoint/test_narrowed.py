"""What a request narrows a list to: nothing else is shown, and no page shows again what one before showed."""

from __future__ import annotations

from random import Random
from typing import Any

import httpx
import pytest
from hypothesis import given
from hypothesis import strategies as st
from listed import CardWriter as ListWriter
from listed import change_cards, withdraw

from serving.eligibility import facts_of
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig
from serving.endpoint.item_filter import ItemFilter
from serving.endpoint.page_token import MAX_SHOWN, mark_of, shown_before, token_after
from serving.item_card import ItemCard
from serving.keys import GENRE_ROW
from serving.seen_filter import item_hash
from streams.contract.catalog import CatalogItem
from streams.contract.item_details import ItemDetails, encode_details

from .conftest import TTL_S, eventually, for_everybody, fragments, stamp, started
from .test_reads import LIST, ids, put_popular, put_user

DAY_MS = 86_400_000
ITEMS = {
    f"i{number}": CatalogItem(
        f"i{number}",
        title=f"Title i{number}",
        genres=("War", "Drama") if number % 3 == 0 else ("Comedy",),
        item_type="series" if number % 2 else "movie",
        language="de-AT" if number % 4 == 0 else "en",
        duration_s=float(600 * number) if number else None,
        released_at_ms=number * DAY_MS,
        attributes={
            **{"mood": "dark" if number % 5 == 0 else "light", "audio": ["en", "fr"], "hdr": number % 2 == 0},
            "captions": ["de-AT", "en"] if number % 7 == 0 else number % 2 == 0,
            **({"audio_description": ["de"], "moods": ["Cosy", "slow"]} if number % 3 == 1 else {}),
        },
    )
    for number in range(40)
}
NAMES = list(ITEMS)


def _number(item: CatalogItem) -> int:
    return int(item.item_id[1:])


async def put_items(writer: ListWriter) -> None:
    cards = {
        item_hash(name): ItemCard.of(name, item.title, facts_of(0), details=encode_details(item))
        for name, item in ITEMS.items()
    }
    await change_cards(writer, writer.keys, cards)


async def answered(client: httpx.AsyncClient, **asked: str) -> Any:
    answer = await client.get(LIST, params={"user_id": "u1", "limit": "100", **asked})
    assert answer.status_code == 200, answer.text
    return answer.json()


@pytest.fixture
async def filled(client: httpx.AsyncClient, writer: ListWriter) -> httpx.AsyncClient:
    """A user with ten items, a row of a genre with others, and what is popular."""
    await put_user(writer, "u1", *NAMES[:10])
    row = stamp("popular").shared(*for_everybody(fragments(*NAMES[6:24])))
    await writer.write_shared(writer.keys.row(GENRE_ROW, "War"), row, TTL_S)
    await put_popular(writer, *NAMES[20:])
    await put_items(writer)

    async def is_read() -> bool:
        shown = (await answered(client, page="first", fields="item_type"))["recommendations"]
        return len(shown) == 30 and all("item_type" in item for item in shown)

    await eventually(is_read)
    return client


@pytest.mark.parametrize(
    ("asked", "fits"),
    [
        ({"item_type": "Series"}, lambda item: item.item_type == "series"),
        ({"genre": "war"}, lambda item: "War" in item.genres),
        ({"genre": "War"}, lambda item: "War" in item.genres),
        ({"language": "de"}, lambda item: item.language == "de-AT"),
        ({"max_duration_s": "6000"}, lambda item: item.duration_s is not None and item.duration_s <= 6000),
        ({"released_after": "1970-01-11"}, lambda item: item.released_at_ms > 10 * DAY_MS),
        ({"attribute": "mood:dark"}, lambda item: item.attributes["mood"] == "dark"),
        ({"attribute": "audio:fr", "item_type": "movie"}, lambda item: item.item_type == "movie"),
        ({"attribute": "hdr:true"}, lambda item: item.attributes["hdr"]),
        ({"attribute": "none:1"}, lambda _: False),
        ({"captions": "true"}, lambda item: item.attributes["captions"] is not False),
        ({"captions": "de"}, lambda item: item.attributes["captions"] == ["de-AT", "en"]),
        ({"audio_description": "de-AT", "captions": "true"}, lambda item: _number(item) in {4, 10, 16, 22, 28, 34, 7}),
        ({"mood": "cosy"}, lambda item: "moods" in item.attributes),
        ({"mood": "dark", "captions": "true"}, lambda item: _number(item) in {0, 10, 20, 30, 35}),
        ({"exclude": "i1,i2,i21,unheard of"}, lambda item: item.item_id not in {"i1", "i2", "i21"}),
    ],
)
async def test_nothing_is_shown_that_was_not_asked_for(filled: httpx.AsyncClient, asked: Any, fits: Any) -> None:
    body = await answered(filled, **asked)
    shown = ids(body["recommendations"])
    row = NAMES[6:24] if "genre" in asked else []
    supply = dict.fromkeys((*NAMES[:10], *row, *NAMES[20:]))
    assert shown == [name for name in supply if fits(ITEMS[name])]
    assert len(shown) == len(set(shown))
    scores = [item["score"] for item in body["recommendations"]]
    assert scores == sorted(scores, reverse=True)
    for item in body["recommendations"]:
        own = item["item_id"] in NAMES[:10]
        assert ("source" not in item) == own
    assert body["source"] == "personal"


@pytest.mark.parametrize(
    ("boost", "fits"),
    [
        ("genre:war", lambda item: "War" in item.genres),
        ("item_type:Series", lambda item: item.item_type == "series"),
        ("attribute:mood:dark", lambda item: item.attributes["mood"] == "dark"),
        ("language:fr", lambda _: False),
    ],
)
async def test_a_boost_moves_what_fits_up_and_shows_nothing_else(
    filled: httpx.AsyncClient, boost: str, fits: Any
) -> None:
    before = (await answered(filled, page="first", limit="10"))["recommendations"]
    after = (await answered(filled, boost=boost, limit="10"))["recommendations"]
    counted = {item["item_id"]: item["score"] * (2 if fits(ITEMS[item["item_id"]]) else 1) for item in before}
    assert ids(after) == sorted(ids(before), key=lambda name: -counted[name])
    assert {item["item_id"] for item in after if item.get("boosted")} == {
        name for name in ids(before) if fits(ITEMS[name])
    }
    scores = [item["score"] for item in after]
    assert scores == sorted(scores, reverse=True)
    assert max(scores) == max(item["score"] for item in before)


async def test_a_boost_of_a_stranger_is_of_what_is_popular(filled: httpx.AsyncClient) -> None:
    body = await answered(filled, user_id="nobody", boost="item_type:series", limit="20")
    assert (body["source"], sorted(ids(body["recommendations"]))) == ("popular", sorted(NAMES[20:]))
    assert body["recommendations"][0]["boosted"]


@pytest.mark.parametrize("boost", ["war", "mood:dark", "attribute:mood", "genre:", "genre:" + "x" * 65])
async def test_a_boost_that_says_nothing_is_refused(filled: httpx.AsyncClient, boost: str) -> None:
    answer = await filled.get(LIST, params={"user_id": "u1", "boost": boost})
    assert answer.status_code == 400
    assert "boost" in answer.text


async def test_a_stranger_is_shown_what_fits_of_what_is_popular(filled: httpx.AsyncClient) -> None:
    body = await answered(filled, user_id="nobody", item_type="series", limit="3")
    assert (body["source"], ids(body["recommendations"])) == ("popular", ["i21", "i23", "i25"])
    assert {item["source"] for item in body["recommendations"]} == {"popular"}


async def test_no_page_shows_again_what_one_before_showed_though_the_list_is_rewritten(
    filled: httpx.AsyncClient, writer: ListWriter
) -> None:
    chance, page, shown, offset = Random(7), "first", list[str](), 8
    for _ in range(12):
        body = await answered(filled, page=page, limit="4")
        shown += ids(body["recommendations"])
        assert len(shown) == len(set(shown))
        if body["next_page"] is None:
            break
        page = body["next_page"]
        order = NAMES[:10]
        chance.shuffle(order)
        await put_user(writer, "u1", *order, offset=offset)
        await put_items(writer)
        offset += 1
    assert body["next_page"] is None
    assert sorted(shown) == sorted({*NAMES[:10], *NAMES[20:]})


@pytest.mark.parametrize("asked", [{"language": "-AT"}, {"boost": "language:-AT"}])
async def test_a_language_that_is_none_is_refused_and_not_taken_for_any(filled: httpx.AsyncClient, asked: Any) -> None:
    assert (await filled.get(LIST, params={"user_id": "u1", **asked})).status_code == 400


@pytest.mark.parametrize("typed", ["war", "WAR", "War"])
async def test_the_row_of_a_genre_is_found_however_it_is_typed(filled: httpx.AsyncClient, typed: str) -> None:
    shown = ids((await answered(filled, genre=typed))["recommendations"])
    supply = dict.fromkeys((*NAMES[:10], *NAMES[6:24], *NAMES[20:]))
    assert shown == [name for name in supply if "War" in ITEMS[name].genres]


@pytest.mark.parametrize("items", [(), ("i39",)])
async def test_where_a_context_has_nothing_for_the_reader_the_homepages_list_is_narrowed(
    filled: httpx.AsyncClient, writer: ListWriter, items: tuple[str, ...]
) -> None:
    empty = stamp().personal("u1", 7, *for_everybody(fragments(*items)), context="post_play")
    await writer.write_lists([(writer.keys.user_list("u1", "post_play"), empty)], TTL_S)
    await withdraw(writer, "i39")

    async def is_read() -> bool:
        return "i39" not in ids((await answered(filled, page="first"))["recommendations"])

    await eventually(is_read)
    body = await answered(filled, context="post_play", page="first", limit="10")
    assert (ids(body["recommendations"]), body["source"]) == (NAMES[:10], "personal")
    await put_popular(writer, "i30", context="post_play")

    async def is_of_context() -> bool:
        body = await answered(filled, user_id="nobody", context="post_play", page="first")
        return ids(body["recommendations"]) == ["i30"]

    await eventually(is_of_context)


async def test_the_popular_list_of_a_country_is_held_before_redis_is_away(
    config: EndpointConfig, writer: ListWriter
) -> None:
    await put_popular(writer, "local", country="DE")
    async with started(Endpoint(config)) as (client, services):
        await answered(client, country="DE", page="first")
        assert services.store.countries == {"DE"}


async def test_a_plain_answer_is_what_it_was(filled: httpx.AsyncClient) -> None:
    body = await answered(filled)
    assert "next_page" not in body
    assert ids(body["recommendations"]) == NAMES[:10]


@pytest.mark.parametrize(
    ("name", "value"),
    [
        ("page", "second"),
        ("page", "abc"),
        ("page", "a" * 4 * (MAX_SHOWN + 1)),
        ("max_duration_s", "0"),
        ("max_duration_s", "-5"),
        ("released_after", "yesterday"),
        ("attribute", "mood"),
        ("attribute", ":dark"),
        ("exclude", ""),
    ],
)
async def test_what_cannot_be_understood_is_refused(client: httpx.AsyncClient, name: str, value: str) -> None:
    answer = await client.get(LIST, params={"user_id": "u1", name: value})
    assert (answer.status_code, answer.json()["parameter"]) == (400, name)


@given(st.lists(st.integers(0, 2**64 - 1), max_size=30), st.lists(st.integers(0, 2**64 - 1), min_size=1, max_size=30))
def test_a_token_holds_whatever_was_shown(first: list[int], second: list[int]) -> None:
    before = shown_before(token_after(frozenset(), first))
    assert before == set(map(mark_of, first))
    assert shown_before(token_after(before, second)) == set(map(mark_of, first + second))
    assert token_after(frozenset(), range(MAX_SHOWN + 1)) is None


def test_what_the_catalogue_does_not_say_does_not_fit() -> None:
    for asked in (
        ItemFilter(item_type="movie"),
        ItemFilter(genre="war"),
        ItemFilter(language="de"),
        ItemFilter(max_duration_s=9),
        ItemFilter(released_after="1900-01-01"),
        ItemFilter(attribute="a:b"),
    ):
        assert not asked.fits(ItemDetails(), "")
    assert ItemFilter().fits(ItemDetails(), "")
