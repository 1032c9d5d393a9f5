"""Lists are joined with cards: what the catalogue says now, of as many items as fit, and nothing without a card."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace
from typing import Any, cast

import httpx
import pytest
from former_lists import former_fragment, former_list
from listed import CardWriter, change_cards, item_fragment, redis_of, restate

from serving import audience
from serving.eligibility import ALWAYS_MS, facts_of
from serving.endpoint import cards as cards_module
from serving.endpoint.app import Endpoint
from serving.endpoint.audiences import OPEN, Audiences, Held
from serving.endpoint.cards import FULLER_OVERHEAD_BYTES, MAX_FULLER, MAX_FULLER_BYTES, Cards, FullerHeads, HeldCard
from serving.endpoint.config import EndpointConfig
from serving.item_card import ItemCard, field_of
from serving.keys import Keys
from serving.list_format import PREFIX_BYTES, read_prefix
from serving.seen_filter import item_hash

from .conftest import NOW_MS, TTL_S, eventually, fragments, running, stamp, started
from .test_reads import LIST, ids, put_popular, put_user

BECAUSE = "Because you watched "


async def put_title(writer: CardWriter, item_id: str, title: str, facts: bytes = b"0") -> None:
    await change_cards(writer, writer.keys, {item_hash(item_id): ItemCard.of(item_id, title, facts)})


async def put_citing(writer: CardWriter, user_id: str, item_id: str, cited: str) -> None:
    """A list of one item because of another."""
    entry = item_fragment(item_id, f"Title {item_id}", 0.5, BECAUSE, "because_you_watched", "sequential")
    entry = entry._replace(said=entry.said._replace(cited=item_hash(cited)))
    other = item_fragment("other", "Other", 0.25, "Popular", "popular")
    value = stamp().personal(user_id, 7, [entry, other])
    record = audience.encode(user_id, 16, "", b"", (), until_ms=ALWAYS_MS)
    group = ((writer.keys.user_list(user_id), value), (writer.keys.audience(user_id), record))
    await writer.write_together([group], TTL_S)


async def listed(client: httpx.AsyncClient, **params: str) -> list[dict[str, Any]]:
    answer = await client.get(LIST, params={"user_id": "u", **params})
    found: list[dict[str, Any]] = answer.raise_for_status().json()["recommendations"]
    return found


async def test_another_title_is_shown_at_once_everywhere_and_no_list_is_written(
    client: httpx.AsyncClient, writer: CardWriter
) -> None:
    await put_citing(writer, "u", "a", "seen")
    await put_title(writer, "seen", "Alien")
    await put_popular(writer, "a", "b")
    before = await writer.read(writer.keys.user_list("u"))
    (first, _) = await listed(client)
    assert (first["title"], first["reason"]) == ("Title a", "Because you watched Alien")
    assert [item["title"] for item in await listed(client, user_id="nobody")] == ["Title a", "Title b"]
    tag = (await client.get(LIST, params={"user_id": "u"})).headers["etag"]
    await put_title(writer, "a", "Brazil")
    await put_title(writer, "seen", "Aliens")

    async def renamed() -> bool:
        return [item["title"] for item in await listed(client, user_id="nobody")] == ["Brazil", "Title b"]

    await eventually(renamed)
    (first, _) = await listed(client)
    assert (first["title"], first["reason"]) == ("Brazil", "Because you watched Aliens")
    assert (await client.get(LIST, params={"user_id": "u"})).headers["etag"] != tag
    assert await writer.read(writer.keys.user_list("u")) == before


@pytest.mark.parametrize("limit", ["1", "2", "20"])
async def test_an_item_without_a_card_is_not_shown_and_counted_until_there_is_one(
    config: EndpointConfig, writer: CardWriter, limit: str
) -> None:
    await put_user(writer, "u", "a", "b")
    await redis_of(writer).hdel(writer.keys.cards, field_of(item_hash("a")))
    async with started(Endpoint(config)) as (client, services):
        assert ids(await listed(client, limit=limit)) == ["b"]
        services.count()
        assert services.metrics.totals["missing_cards"] >= 1
        await put_title(writer, "a", "A")

        async def shown() -> bool:
            return ids(await listed(client, limit=limit)) == ["a", "b"][: int(limit)]

        await eventually(shown)


async def test_a_reason_whose_item_is_nowhere_cites_nothing(client: httpx.AsyncClient, writer: CardWriter) -> None:
    await put_citing(writer, "u", "a", "never seen")
    (first, _) = await listed(client)
    assert (first["reason"], first["reason_code"], first["algorithm"]) == ("Picked for you", "for_you", "sequential")


async def test_a_larger_catalogue_than_fits_is_fetched_item_by_item_and_stays_within_bounds(
    config: EndpointConfig, writer: CardWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(cards_module, "LEAST_BYTES", 0)
    await put_user(writer, "u", *[f"u{number}" for number in range(30)])
    await put_user(writer, "v", *[f"v{number}" for number in range(30)])
    size = 30 * (cards_module.CARD_OVERHEAD_BYTES + 60)
    async with started(Endpoint(replace(config, card_bytes=size))) as (client, services):
        cards = services.store.versions.first().cards.cards
        for _ in range(3):
            for user_id in ("u", "v"):
                shown = ids(await listed(client, user_id=user_id, limit="100"))
                assert shown == [f"{user_id}{number}" for number in range(30)]
                assert cards.is_partial
                assert 0 < cards._bytes <= size
                assert len(cards.held) == len(cards._heads) < 60
        await restate(writer, {"v3": facts_of(18), "u3": b""})

        async def restricted() -> bool:
            mine, yours = ids(await listed(client, limit="100")), ids(await listed(client, user_id="v", limit="100"))
            return "u3" not in mine and "v3" not in yours and len(mine) == len(yours) == 29

        await eventually(restricted)


async def test_cards_stay_while_redis_is_away_and_are_read_anew_when_it_was_wiped(
    start_valkey: Callable[..., Any],
) -> None:
    server = start_valkey()
    writer = CardWriter.connect(server.url, Keys("away", "v1"))
    await put_popular(writer, "a", "b")
    async with running(EndpointConfig(server.url, "away", redis_deadline_ms=1000, refresh_ms=20)) as client:
        assert ids(await listed(client)) == ["a", "b"]
        server.kill()
        assert [item["title"] for item in await listed(client)] == ["Title a", "Title b"]
        server.start()
        await writer.close()
        writer = CardWriter.connect(server.url, Keys("away", "v1"))
        await put_title(writer, "b", "Brazil")  # a new epoch: its number is lower than what was read

        async def renamed() -> bool:
            return [item["title"] for item in await listed(client)] == ["Title a", "Brazil"]

        await eventually(renamed)
    await writer.close()


async def test_lists_of_the_former_release_are_served_until_they_are_written_again(
    config: EndpointConfig, writer: CardWriter
) -> None:
    """While workers of the former release write no cards, what they hide and restrict holds; then cards do."""
    redis, keys = redis_of(writer), writer.keys
    items = ["a", "adult", "blocked", "restated", "b"]
    facts = [facts_of(0), facts_of(18), facts_of(0), facts_of(0), facts_of(0)]
    made = [former_fragment(item_id, f"Title {item_id}") for item_id in items]
    for user_id in ("u", "lost"):
        await redis.set(keys.user_list(user_id), former_list(b'{"user_id":"%b","x":1}' % user_id.encode(), made, facts))
    await redis.set(keys.audience("u"), audience.encode("u", 16, "", b"", (), until_ms=ALWAYS_MS))
    await redis.set(keys.popular(), former_list(b'{"source":"popular"}', made, facts, offset=-1))
    await redis.sadd(keys.blocked, "blocked")
    await redis.hset(keys.restated, "restated", b"%d %b" % (NOW_MS, facts_of(18)))
    for kind in ("blocked", "restated"):
        await redis.set(f"{keys.root}{kind}_stamp:v1", b"1")
    async with running(config) as client:
        assert ids(await listed(client)) == ["a", "b"]
        assert ids(await listed(client, offset="1")) == ["b"]
        assert ids(await listed(client, user_id="lost")) == ["a", "adult", "b"]  # as it was made
        assert ids(await listed(client, user_id="stranger")) == ["a", "b"]
        child = audience.encode("u", 0, "", b"", (), until_ms=ALWAYS_MS)
        await put_title(writer, "b", "B", facts_of(12))
        await redis.set(keys.audience("u"), child)  # the list is not told: it is of the former format

        async def restricted() -> bool:
            return ids(await listed(client)) == ["a"]

        await eventually(restricted)
        await writer.write_lists([(keys.user_list("u"), stamp().personal("u", 8, fragments("new")))], TTL_S)
        assert ids(await listed(client)) == ["new"]


async def test_a_list_of_the_former_release_shows_only_what_the_card_the_list_and_that_release_allow(
    config: EndpointConfig, writer: CardWriter
) -> None:
    """Whoever goes back to workers of the former release has cards that nobody keeps up to date."""
    redis, keys = redis_of(writer), writer.keys
    items = ["a", "withdrawn", "restated", "rerated", "by card", "b"]
    facts = [facts_of(0), facts_of(0), facts_of(0), facts_of(18), facts_of(0), facts_of(0)]
    for item_id in items:
        await put_title(writer, item_id, item_id, facts_of(18 if item_id == "by card" else 0))
    made = [former_fragment(item_id, f"Title {item_id}") for item_id in items]
    for user_id in ("u", "lost"):
        await redis.set(keys.user_list(user_id), former_list(b'{"user_id":"%b","x":1}' % user_id.encode(), made, facts))
    await redis.set(keys.audience("u"), audience.encode("u", 16, "", b"", (), until_ms=ALWAYS_MS))
    await redis.set(keys.popular(), former_list(b'{"source":"popular"}', made, facts, offset=-1))
    await redis.sadd(keys.blocked, "withdrawn")
    await redis.hset(keys.restated, "restated", b"%d %b" % (NOW_MS, facts_of(18)))
    for kind in ("blocked", "restated"):
        await redis.set(f"{keys.root}{kind}_stamp:v1", b"1")
    async with running(config) as client:
        assert ids(await listed(client)) == ["a", "b"]
        assert ids(await listed(client, user_id="stranger")) == ["a", "b"]
        assert ids(await listed(client, user_id="lost")) == ["a", "rerated", "by card", "b"]  # as it was made


def test_what_is_kept_of_details_is_bounded_by_its_size() -> None:
    details = b'{"people":["%b"]}' % (b"p" * 2000)
    cards = {key: HeldCard(b'{"item_id":"%d","title":"T","score":' % key, b"0", 0, details) for key in range(5_000)}
    heads = FullerHeads(cards, ("people",))
    for key in cards:
        assert heads[key].startswith(b'{"item_id":"%d"' % key)
        assert heads.size_bytes <= MAX_FULLER_BYTES
        if key % 1_000 == 0:
            heads.forget(key)
            heads.forget(key)
            assert heads.size_bytes == sum(map(len, heads.values())) + FULLER_OVERHEAD_BYTES * len(heads)
    assert len(heads) > 1_000


def test_one_more_language_costs_the_oldest_beginnings_and_not_all() -> None:
    cards = Cards(cast("Any", None), Keys("", "v1"), 1 << 20)
    cards._take(1, ItemCard.of("i", "Title", facts_of(0), details=b'{"titles":{"l1":"Titel"}}'))
    asked = [(f"title.l{number}",) for number in range(MAX_FULLER + 2)]
    shown = [cards.page_of(1, fields) for fields in asked]
    assert list(cards._fuller) == asked[2:]
    assert shown[:3] == [b'{"item_id":"i","title":"%b"}' % title for title in (b"Title", b"Titel", b"Title")]


async def test_what_the_former_release_hides_is_neither_found_nor_shown_by_itself(
    config: EndpointConfig, writer: CardWriter
) -> None:
    redis, keys = redis_of(writer), writer.keys
    await put_user(writer, "u", "a", "withdrawn", "restated")
    await put_popular(writer, "p", "withdrawn", "restated")
    await redis.sadd(keys.blocked, "withdrawn")
    await redis.hset(keys.restated, "restated", b"%d %b" % (NOW_MS, facts_of(18)))
    for kind in ("blocked", "restated"):
        await redis.set(f"{keys.root}{kind}_stamp:v1", b"1")
    async with running(config) as client:

        async def is_indexed() -> bool:
            return {"a", "p"} <= set(ids((await client.get("/api/v1/search?q=title")).json()["items"]))

        await eventually(is_indexed)
        assert set(ids((await client.get("/api/v1/search?q=title")).json()["items"])) == {"a", "p"}
        suggested = (await client.get("/api/v1/search/suggestions?q=title")).json()["suggestions"]
        assert {one["item_id"] for one in suggested} == {"a", "p"}
        for item_id, status in (("a", 200), ("withdrawn", 404), ("restated", 404)):
            for path in (f"/api/v1/items/{item_id}", f"/api/v1/items/{item_id}/features"):
                assert (await client.get(path)).status_code == status, path
        assert ids(await listed(client, page="first")) == ["a", "p"]
        await redis.delete(keys.audience("u"))
    async with running(config) as client:
        assert ids(await listed(client, page="first")) == ["a"]


@pytest.mark.parametrize("what", ["score", "saying", "strings", "keys"])
async def test_a_damaged_list_is_as_good_as_none(client: httpx.AsyncClient, writer: CardWriter, what: str) -> None:
    await put_user(writer, "u", "a", "b", "c")
    await put_popular(writer, "p")
    assert ids(await listed(client)) == ["a", "b", "c"]
    for key in (writer.keys.user_list("u"), writer.keys.popular("search")):
        value = await writer.read(writer.keys.user_list("u") if key.endswith("homepage") else writer.keys.popular())
        assert value is not None
        prefix = read_prefix(value)
        keys_at = PREFIX_BYTES + prefix.header_bytes + 3
        steps_at = keys_at + 8 * prefix.items
        damaged = {
            "score": value[:steps_at] + b"\xff" * 2 * prefix.items + value[steps_at + 2 * prefix.items :],
            "saying": value[: steps_at + 2 * prefix.items] + b"\x63" + value[steps_at + 2 * prefix.items + 1 :],
            "strings": value[:-1],
            "keys": value[: keys_at + 4],
        }
        await redis_of(writer).set(key, damaged[what])
    assert ids(await listed(client)) == ["p"]
    assert ids(await listed(client, context="search", user_id="nobody")) == ["p"]


@pytest.mark.parametrize("page", [b"", b"x", b"x" * 4000])
async def test_kept_pages_are_bounded_by_all_that_they_keep_in_memory(
    monkeypatch: pytest.MonkeyPatch, page: bytes
) -> None:
    most = 50_000
    monkeypatch.setattr("serving.endpoint.audiences.PAGES_BYTES", most)
    audiences = Audiences("18")
    for number in range(1000):
        held = Held(audience.Audience(OPEN, True, ALWAYS_MS, audience.NO_FILTER), b"", None, 0.0)
        audiences.keep_page(held, page, (number, 20, 1))
    assert len(audiences._pages) * (len(page) + 1500) <= most
    assert bool(audiences._pages) == bool(page)
    if page:
        assert held.page == page
        assert held.page_of == (999, 20, 1)


async def test_a_page_that_was_joined_is_shown_again_until_the_list_or_the_catalogue_is_another(
    config: EndpointConfig, writer: CardWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    joins: list[int] = []
    join = cards_module.Cards.join

    def counted(cards: cards_module.Cards, *given: Any) -> bytes | None:
        joins.append(len(joins))
        return join(cards, *given)

    monkeypatch.setattr(cards_module.Cards, "join", counted)
    await put_user(writer, "u", *"abcdef")
    async with started(Endpoint(config)) as (client, services):
        for _ in range(3):
            assert ids(await listed(client, limit="3")) == ["a", "b", "c"]
        before = len(joins)
        for _ in range(5):
            assert ids(await listed(client, limit="3")) == ["a", "b", "c"]
        assert len(joins) == before
        assert ids(await listed(client, limit="2")) == ["a", "b"]
        assert ids(await listed(client, limit="3", offset="1")) == ["b", "c", "d"]
        assert ids(await listed(client, limit="3")) == ["a", "b", "c"]
        assert ids(await listed(client, limit="3", max_maturity="12")) == ["a", "b", "c"]
        await put_user(writer, "u", *"fedcba", offset=8)
        for _ in range(3):  # by the third time it is known of the list that all of it may be shown
            assert ids(await listed(client, limit="3")) == ["f", "e", "d"]
        await restate(writer, {"e": facts_of(18)})

        async def is_gone() -> bool:
            return ids(await listed(client, limit="3")) == ["f", "d", "c"]

        await eventually(is_gone)
        monkeypatch.setattr("serving.endpoint.audiences.PAGES_BYTES", 1)
        await put_user(writer, "v", *"abc")
        for _ in range(3):
            assert ids(await listed(client, user_id="v", limit="3")) == ["a", "b", "c"]
        assert services.store.audiences._page_bytes == 0
