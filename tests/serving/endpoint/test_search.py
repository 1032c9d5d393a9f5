"""Search: what is found for what was typed, in which order, by whom, and how soon."""

from __future__ import annotations

import asyncio
import threading
import tracemalloc
from collections.abc import AsyncIterator
from dataclasses import dataclass
from typing import Any, cast

import httpx
import orjson
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from listed import CardWriter as ListWriter
from listed import change_cards, withdraw

from serving.eligibility import facts_of
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig
from serving.endpoint.search import item_search
from serving.endpoint.search.item_search import ItemSearch
from serving.endpoint.search.remembered import MAX_MATCHES, QUERY_COST, RememberedMatches
from serving.endpoint.search.text_index import IndexedItem, Match, TextIndex
from serving.endpoint.search.words import (
    MAX_NAME_WORDS,
    MAX_TEXT_CHARACTERS,
    MAX_WORD_CHARACTERS,
    MAX_WORDS,
    is_named,
    name_words,
    query_words,
    words_of,
)
from serving.endpoint.services import Services
from serving.endpoint.versions import LiveVersions
from serving.fragments import rfc3339
from serving.item_card import ItemCard
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_link import Link
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner
from streams.contract.catalog import CatalogItem
from streams.contract.item_details import encode_details

from ..conftest import PrivateValkey
from .conftest import NOW_MS, TTL_S, eventually, stamp, started
from .test_reads import put_popular, put_user

CATALOGUE = (
    CatalogItem("amelie", title="Le Fabuleux Destin d'Amélie Poulain", genres=("Comedy",), cast=("Audrey Tautou",)),
    CatalogItem("matrix", title="The Matrix", genres=("Sci-Fi",), cast=("Keanu Reeves", "Carrie-Anne Moss")),
    CatalogItem("matrix2", title="The Matrix Reloaded", genres=("Sci-Fi",), cast=("Keanu Reeves",)),
    CatalogItem("tokyo", title="東京物語", genres=("Drama",)),
    CatalogItem("parasite", title="기생충", genres=("Thriller",)),
    CatalogItem("gundam", title="ガンダム", genres=("Anime",)),
    CatalogItem("strasse", title="STRASSE der Träume", genres=("Drama",), director="Søren Ødegård"),
    CatalogItem("pate", title="Godfather", titles={"de": "Der Pate", "es": "El Padrino"}),
    CatalogItem("adult", title="The Matron", genres=("Horror",)),
)


async def put_catalogue(writer: ListWriter, *items: CatalogItem, age: int = 0) -> None:
    cards = {
        item_hash(item.item_id): ItemCard.of(
            item.item_id, item.title, facts_of(18 if item.item_id == "adult" else age), details=encode_details(item)
        )
        for item in items
    }
    await change_cards(writer, writer.keys, cards)


async def told(client: httpx.AsyncClient, path: str, **asked: str) -> Any:
    answer = await client.get(path, params=asked or None)
    assert answer.status_code == 200, answer.text
    return answer.json()


async def found(client: httpx.AsyncClient, query: str, **asked: str) -> list[str]:
    return [item["item_id"] for item in (await told(client, "/api/v1/search", q=query, **asked))["items"]]


async def suggested(client: httpx.AsyncClient, query: str, **asked: str) -> list[tuple[str, str]]:
    body = await told(client, "/api/v1/search/suggestions", q=query, **asked)
    return [(said["type"], said["text"]) for said in body["suggestions"]]


@pytest.fixture
async def filled(client: httpx.AsyncClient, writer: ListWriter) -> httpx.AsyncClient:
    await put_catalogue(writer, *CATALOGUE)

    async def is_found() -> bool:
        return await found(client, "strasse") == ["strasse"]

    await eventually(is_found)
    return client


@pytest.mark.parametrize(
    ("typed", "expected"),
    [
        ("amelie", ["amelie"]),
        ("AMÉLIE", ["amelie"]),
        ("amélie poul", ["amelie"]),
        ("poulain amelie", ["amelie"]),
        ("amelei", ["amelie"]),  # two letters changed places
        ("tautuo", ["amelie"]),
        ("東京", ["tokyo"]),
        ("東", ["tokyo"]),
        ("기생", ["parasite"]),
        ("기ㅅ", ["parasite"]),  # a syllable that is half typed
        ("ｶﾞﾝﾀﾞ", ["gundam"]),
        ("straße", ["strasse"]),
        ("soren", ["strasse"]),
        ("odegard", ["strasse"]),
        ("keanu", ["matrix", "matrix2"]),
        ("der pate", ["pate"]),
        ("padri", ["pate"]),
        ("m", ["matrix", "matrix2"]),
        ("", None),
        ("!?", []),
        ("zzzzzzzz", []),
    ],
)
async def test_what_is_typed_finds_items(filled: httpx.AsyncClient, typed: str, expected: list[str] | None) -> None:
    if expected is None:
        assert (await filled.get("/api/v1/search", params={"q": typed})).status_code == 400
    elif typed == "m":
        assert {"matrix", "matrix2"} <= set(await found(filled, typed))
    else:
        assert sorted(await found(filled, typed)) == sorted(expected)


async def test_answers_are_lists_like_others(filled: httpx.AsyncClient) -> None:
    body = await told(filled, "/api/v1/search", q="the matrix", fields="genres", limit="1", user_id="u1")
    (item,) = body["items"]
    assert item == {
        "item_id": "matrix",
        "title": "The Matrix",
        "genres": ["Sci-Fi"],
        "score": 1.0,
        "reason": "Matches your search",
        "reason_code": "search",
        "algorithm": "content",
    }
    assert (body["query"], body["model_version"]) == ("the matrix", "v1")
    assert body["recommendation_id"]
    scores = [item["score"] for item in (await told(filled, "/api/v1/search", q="matr"))["items"]]
    assert scores == sorted(scores, reverse=True)


async def test_what_the_reader_likes_comes_first(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    assert (await found(filled, "matrix"))[0] == "matrix"
    await put_user(writer, "u1", "matrix2")
    await put_popular(writer, "matrix2")
    await put_catalogue(writer, *CATALOGUE)  # the lists were written with cards of their own

    async def comes_first() -> bool:
        return await found(filled, "keanu", user_id="u1") == ["matrix2", "matrix"]

    await eventually(comes_first)


MANY = 5 + item_search.CANDIDATES


async def test_what_may_be_seen_and_what_is_liked_is_found_beyond_the_first_that_fit(
    config: EndpointConfig, writer: ListWriter
) -> None:
    """All fit equally well, and those that were indexed first are found first."""
    shows = [CatalogItem(f"show{place}", title="Night show", cast=("Ann Host",)) for place in range(MANY)]
    async with started(Endpoint(config)) as (client, services):
        await put_user(writer, "u1", "show204")
        await put_popular(writer, "show203")
        forbidden = {item_hash(show.item_id): _night(show, 18) for show in shows[: item_search.CANDIDATES]}
        await change_cards(writer, writer.keys, forbidden)
        await eventually(lambda: _all_indexed(services, len(forbidden) + 2))
        allowed = {item_hash(show.item_id): _night(show, 0) for show in shows[item_search.CANDIDATES :]}
        await change_cards(writer, writer.keys, allowed)

        async def is_found() -> bool:
            return set(await found(client, "night")) == {show.item_id for show in shows[item_search.CANDIDATES :]}

        await eventually(is_found)
        assert ("title", "Night show") in await suggested(client, "night sh")
        await writer.write_zset(
            writer.keys.search_trending("*", "24h"), {"night show": 1.0}, TTL_S, PartitionOwner(0, term=1)
        )
        assert (await told(client, "/api/v1/search/trending"))["searches"]

        await change_cards(
            writer, writer.keys, {key: _night(show, 0) for key, show in zip(forbidden, shows, strict=False)}
        )

        async def come_first() -> bool:
            for query in ("night", "ann ho", "host night"):
                if (await found(client, query, user_id="u1"))[:2] != ["show204", "show203"]:
                    return False
            return len(await found(client, "night", limit="100")) == 100

        await eventually(come_first)


def _night(show: CatalogItem, age: int) -> ItemCard:
    return ItemCard.of(show.item_id, show.title, facts_of(age), details=encode_details(show))


async def _all_indexed(services: Services, count: int) -> bool:
    cards = services.store.versions.first().cards.cards
    return len(cards.held) >= count and not cards.changed


async def test_nobody_finds_what_they_may_not_see(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    everything = {"max_maturity": "18"}
    assert "adult" not in await found(filled, "the matron", **everything)  # a stranger's default is 16
    assert ("title", "The Matron") not in await suggested(filled, "matr")
    await withdraw(writer, "matrix")

    async def is_gone() -> bool:
        return await found(filled, "matrix") == ["matrix2"]

    await eventually(is_gone)


async def test_the_index_follows_the_catalogue(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_catalogue(writer, CatalogItem("matrix", title="Another name"), CatalogItem("new", title="Brand new"))

    async def is_followed() -> bool:
        return await found(filled, "another name") == ["matrix"] and await found(filled, "brand") == ["new"]

    await eventually(is_followed)
    assert await found(filled, "matrix") == ["matrix2"]


async def test_suggestions_are_searches_names_and_titles(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    searches = {"matrix reloaded": 1.0, "matron of horror": 0.9, "nothing there": 0.5}
    owner = PartitionOwner(0, term=1)
    await writer.write_zset(writer.keys.search_trending("*", "7d"), searches, TTL_S, owner)
    assert await suggested(filled, "matr") == [
        ("query", "matrix reloaded"),
        ("title", "The Matrix"),
        ("title", "The Matrix Reloaded"),
    ]
    assert (await suggested(filled, "keanu"))[0] == ("person", "Keanu Reeves")
    assert ("genre", "Sci-Fi") in await suggested(filled, "sci")
    assert await suggested(filled, "der pa") == [("title", "Der Pate")]
    assert await suggested(filled, "godf") == [("title", "Godfather")]
    assert len(await suggested(filled, "matr", limit="1")) == 1


async def test_trending_searches_are_those_that_lead_somewhere(filled: httpx.AsyncClient, writer: ListWriter) -> None:
    owner = PartitionOwner(0, term=1)
    for region in ("*", "DE"):
        searches = {f"matrix {region}".strip(" *").lower().replace(" de", ""): 1.0, "the matron": 0.9, "amelie": 0.5}
        await writer.write_zset(writer.keys.search_trending(region, "24h"), searches, TTL_S, owner)
    body = await told(filled, "/api/v1/search/trending", region="DE")
    assert body == {
        "region": "DE",
        "window": "24h",
        "searches": [{"query": "matrix", "score": 1.0}, {"query": "amelie", "score": 0.5}],
    }
    assert (await told(filled, "/api/v1/search/trending", limit="1"))["searches"] == [{"query": "matrix", "score": 1.0}]
    assert (await told(filled, "/api/v1/search/trending", region="FR"))["searches"] == []


async def put_searches(writer: ListWriter, user_id: str, *searches: tuple[str, int]) -> None:
    page = orjson.dumps({"genre": "", "country": "", "searches": searches})
    value = stamp().personal(user_id, 7, [], page=page)
    await writer.write_lists([(writer.keys.continue_watching(user_id), value)], TTL_S)


async def test_recent_searches_are_the_users_own_that_lead_somewhere(
    filled: httpx.AsyncClient, writer: ListWriter
) -> None:
    recent = "/api/v1/search/recent"
    await put_searches(writer, "u1", ("matrix", NOW_MS), ("the matron", NOW_MS - 1), ("amelie", NOW_MS - 2))
    body = await told(filled, recent, user_id="u1")
    assert body == {
        "user_id": "u1",
        "searches": [
            {"query": "matrix", "searched_at": rfc3339(NOW_MS)},
            {"query": "amelie", "searched_at": rfc3339(NOW_MS - 2)},
        ],
    }
    assert (await told(filled, recent, user_id="u1", limit="1"))["searches"] == body["searches"][:1]
    assert await told(filled, recent, user_id="nobody") == {"user_id": "nobody", "searches": []}
    assert (await filled.get(recent)).status_code == 400
    await put_user(writer, "u2", "matrix")  # a list that is written by a worker of before says nothing of searches
    await writer.write_lists(
        [(writer.keys.continue_watching("u2"), stamp().personal("u2", 7, [], page=b'{"genre":"","country":""}'))], TTL_S
    )
    assert (await told(filled, recent, user_id="u2"))["searches"] == []


async def test_search_goes_on_without_redis(start_valkey: Any, namespace: str) -> None:
    server: PrivateValkey = start_valkey()
    writer = ListWriter.connect(server.url, Keys(namespace, "v1"))
    await put_catalogue(writer, *CATALOGUE)
    await writer.write_zset(writer.keys.search_trending("*", "24h"), {"amelie": 1.0}, TTL_S, PartitionOwner(0, term=1))
    async with started(_app(server, namespace)) as (client, _):

        async def is_found() -> bool:
            return await found(client, "strasse") == ["strasse"]

        await eventually(is_found)
        assert (await told(client, "/api/v1/search/trending"))["searches"]
        server.kill()
        assert (await found(client, "amelie", user_id="u1")) == ["amelie"]
        assert (await told(client, "/api/v1/search/trending"))["searches"] == [{"query": "amelie", "score": 1.0}]
        assert await suggested(client, "ameli") == [("title", CATALOGUE[0].title)]
        assert (await told(client, "/api/v1/search/recent", user_id="u1"))["searches"] == []
    await writer.close()


def _app(server: PrivateValkey, namespace: str) -> Endpoint:
    return Endpoint(EndpointConfig(server.url, namespace, redis_deadline_ms=2000, refresh_ms=20))


async def test_too_many_searches_are_refused_and_counted(
    config: EndpointConfig, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(item_search, "MAX_WAITING", 1)
    await put_catalogue(writer, *CATALOGUE)
    async with started(Endpoint(config)) as (client, services):

        async def is_found() -> bool:
            return await found(client, "strasse") == ["strasse"]

        await eventually(is_found)
        assert {answer.status_code for answer in await _at_once(client)} == {200, 503}
        assert services.search.refused > 0
        assert "searches_refused" in _totals(services)


async def _at_once(client: httpx.AsyncClient) -> list[httpx.Response]:
    return list(await asyncio.gather(*(client.get("/api/v1/search", params={"q": f"word{n}"}) for n in range(5))))


def _totals(services: Services) -> dict[str, float]:
    services.count()
    return dict(services.metrics.totals)


async def test_a_commit_that_fails_is_tried_again(
    config: EndpointConfig, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    await put_catalogue(writer, *CATALOGUE)
    failures = iter([OSError("no room")])
    put = TextIndex.put

    def failing(index: TextIndex, items: Any) -> None:
        for failure in failures:
            raise failure
        put(index, items)

    monkeypatch.setattr(TextIndex, "put", failing)
    async with started(Endpoint(config)) as (_, services):
        search = ItemSearch(services.store.versions)
        version = services.store.versions.first()

        async def is_read() -> bool:
            return len(version.cards.cards.held) == len(CATALOGUE)

        await eventually(is_read)
        version.cards.cards.changed.update(version.cards.cards.held)

        async def is_found() -> bool:
            return bool(await services.search.find(version, ("strasse",)))

        await eventually(is_found)
        assert not await search.find(version, ("strasse",))  # another one has read nothing
        await search.close()


async def test_what_is_there_is_found_as_soon_as_an_endpoint_has_started(
    config: EndpointConfig, writer: ListWriter
) -> None:
    await put_catalogue(writer, *CATALOGUE)
    async with started(Endpoint(config)) as (client, _):
        assert await found(client, "strasse") == ["strasse"]


@dataclass
class Searched:
    """A search without Redis, of versions whose cards tests put."""

    versions: LiveVersions
    search: ItemSearch

    async def put(self, version: str, *item_ids: str) -> None:
        """Cards of items, named as they are."""
        (cards,) = (known.cards.cards for known in self.versions.known if known.keys.version == version)
        for item_id in item_ids:
            cards._take(item_hash(item_id), ItemCard.of(item_id, f"Title {item_id}", facts_of(0)))
        await self.search.follow()

    def all_read(self, version: str) -> None:
        """Redis has no more cards of a version."""
        (cards,) = (known.cards.cards for known in self.versions.known if known.keys.version == version)
        cards.stamp = b"e:1"

    def prepare(self, version: str) -> None:
        """It will serve alone."""
        self.versions._preparing = self.versions._versions_of(LivePointer({version: 100}, 1), self.versions.experiments)

    def promote(self, version: str) -> None:
        """It serves alone."""
        pointer = LivePointer({version: 100}, 1)
        self.versions._follow(pointer, self.versions.experiments, self.versions._preparing)

    async def found(self, *words: str) -> set[int]:
        """Keys that the version finds that serves most."""
        return {match.key for match in await self.search.find(self.versions.first(), words)}


@pytest.fixture
async def searched() -> AsyncIterator[Searched]:
    versions = LiveVersions("ns", "v1", cast("Link", None))
    search = ItemSearch(versions)
    yield Searched(versions, search)
    await search.close()


async def test_another_version_finds_what_the_former_one_found_from_its_first_moment(searched: Searched) -> None:
    searched.all_read("v1")
    await searched.put("v1", "a", "b")
    searched.prepare("v2")
    await searched.put("v2", "a")  # its first cards: the others are being read
    searched.promote("v2")
    both = {item_hash("a"), item_hash("b")}
    assert await searched.found("title") == both
    await searched.search.follow()
    assert await searched.found("title") == both
    searched.all_read("v2")
    await searched.put("v2", "b", "c")
    assert await searched.found("title") == both | {item_hash("c")}
    assert searched.search._indexes.keys() == {"v2"}


async def test_a_version_is_indexed_before_it_serves(searched: Searched) -> None:
    searched.all_read("v1")
    await searched.put("v1", "a")
    searched.prepare("v2")
    searched.all_read("v2")
    await searched.put("v2", "a", "new")
    searched.promote("v2")
    assert await searched.found("title") == {item_hash("a"), item_hash("new")}


async def test_what_was_found_before_a_change_is_not_remembered_after_it(
    searched: Searched, monkeypatch: pytest.MonkeyPatch
) -> None:
    searched.all_read("v1")
    await searched.put("v1", "a")
    has_found, is_changed, find = threading.Event(), threading.Event(), TextIndex.find

    def late(*asked: Any, **how: Any) -> list[Match]:
        found = find(*asked, **how)
        has_found.set()
        assert is_changed.wait(30)
        return found

    monkeypatch.setattr(TextIndex, "find", late)
    asking = asyncio.create_task(searched.found("title"))
    await asyncio.to_thread(has_found.wait, 30)
    await searched.put("v1", "b")
    is_changed.set()
    assert await asking == {item_hash("a")}
    assert await searched.found("title") == {item_hash("a"), item_hash("b")}


@given(st.text(max_size=60))
@settings(max_examples=300)
def test_words_are_bounded_and_their_own_words(text: str) -> None:
    words = words_of(text)
    assert all(0 < len(word) <= MAX_WORD_CHARACTERS for word in words)
    assert len(query_words(text)) <= MAX_WORDS
    again = words_of(" ".join(words))
    assert again == words
    if words:
        assert is_named(words, words[:1])


@given(st.lists(st.text(min_size=1, max_size=30), min_size=1, max_size=8), st.text(max_size=20))
@settings(max_examples=40, deadline=None)
def test_every_title_is_found_by_its_own_words_whatever_they_are(titles: list[str], typed: str) -> None:
    index = TextIndex()
    index.put([IndexedItem(place, title) for place, title in enumerate(titles)])
    for place, title in enumerate(titles):
        words = query_words(title)
        if words:
            assert place in {match.key for match in index.find(words, 50)}
    for mistyped in (False, True):
        index.find(query_words(typed), 5, mistyped=mistyped)


LONG_WORDS = ("어벤져스엔드게임", "достопримечательностями", "ประวัติศาสตร์ชาติไทยทั้งหมด", "x" * 31, "𝒙𐐨" * 16, "𐐨" * 40)


@pytest.mark.parametrize("word", LONG_WORDS)
def test_long_words_of_any_script_are_found_whole_and_begun(word: str) -> None:
    """Forty bytes are fourteen letters of Hangul, twenty of Cyrillic."""
    index = TextIndex()
    index.put([IndexedItem(1, word), IndexedItem(2, "Another")])
    for typed in (word, word[: len(word) // 2], f"{word} {word}"):
        assert [match.key for match in index.find(query_words(typed), 50)] == [1], typed


#: One character that is eighteen when it is taken apart.
EXPANDING = "\N{ARABIC LIGATURE SALLALLAHOU ALAYHE WASALLAM}"


def test_what_was_typed_leaves_nothing_behind() -> None:
    tracemalloc.start()
    try:
        before_bytes, _ = tracemalloc.get_traced_memory()
        for place in range(200):
            query_words(f"{place} {EXPANDING * 195}")
        kept_bytes = tracemalloc.get_traced_memory()[0] - before_bytes
    finally:
        tracemalloc.stop()
    assert kept_bytes < 100_000


def test_no_text_has_more_than_so_many_words() -> None:
    most = MAX_TEXT_CHARACTERS * 18
    assert sum(map(len, words_of(EXPANDING * 100_000))) <= most
    assert query_words("first " + EXPANDING * 100_000 + " last words")[-2:] == ("last", "words")
    assert len(name_words("a " * 1000)) == MAX_NAME_WORDS


def test_what_was_found_is_remembered_up_to_a_size() -> None:
    remembered, found = RememberedMatches(), [Match(key, 1.0) for key in range(1000)]
    for place in range(MAX_MATCHES // 1000 + 5):
        remembered.keep(("v1", (f"w{place}",), 200, False), found)
    assert remembered.get(("v1", ("w0",), 200, False)) is None
    assert remembered.get(("v1", (f"w{place}",), 200, False)) == found
    assert remembered.size <= MAX_MATCHES
    for place in range(3 * MAX_MATCHES // QUERY_COST):
        remembered.keep(("v1", (str(place),), 200, True), [])  # one that found nothing costs something too
    assert remembered.size <= MAX_MATCHES
    remembered.clear()
    assert remembered.size == 0


def test_keys_of_items_are_any_64_bits() -> None:
    index, keys = TextIndex(), (0, 1, 2**63 - 1, 2**63, 2**64 - 1)
    index.put([IndexedItem(key, "same") for key in keys])
    assert {match.key for match in index.find(("same",), 50)} == set(keys)
    index.put([IndexedItem(2**64 - 1, None)])
    assert {match.key for match in index.find(("same",), 50)} == set(keys[:-1])
