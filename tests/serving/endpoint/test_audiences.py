"""What a reader may see: by their record, the request, the token, memory, and else the default."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Collection, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from typing import Any

import httpx
import numpy as np
import pytest
from listed import CardWriter as ListWriter
from listed import redis_of, restate

from agents.lists.audiences import seen_filter
from serving import audience
from serving.eligibility import ALWAYS_MS, code, facts_of, language_code
from serving.endpoint.app import Endpoint
from serving.endpoint.cards import PAGE
from serving.endpoint.config import EndpointConfig, TokenConfig
from serving.endpoint.store import RECORD_BYTES
from serving.keys import Keys
from serving.seen_filter import item_hash
from serving.write_order import PartitionOwner
from tables.seen import Seen

from .conftest import NOW_MS, TTL_S, eventually, fragments, running, stamp, started
from .test_guard import SECRET, bearer
from .test_reads import LIST, ids

SIMILAR, TRENDING = "/api/v1/items/x/similar", "/api/v1/trending"
#: One item for each age, a German one, a horror film, one that is spoken in French, one that is over.
CATALOGUE = {
    "all": facts_of(0),
    "seven": facts_of(7),
    "twelve": facts_of(12),
    "sixteen": facts_of(16),
    "adult": facts_of(18),
    "german": facts_of(0, (), ("DE",)),
    "horror": facts_of(0, ("Horror",)),
    "french": facts_of(0, (), (), ("fr",)),
    "over": facts_of(0, until_ms=NOW_MS),
}
OWNER = PartitionOwner(0, term=1)
EVERYWHERE = ["all", "seven", "twelve", "sixteen", "adult", "horror", "french"]


async def put_shelves(writer: ListWriter) -> None:
    """Every kind of shared list, made for nobody in particular."""
    keys = writer.keys
    value = stamp("popular").shared(fragments(*CATALOGUE), list(CATALOGUE.values()))
    for key in (keys.popular(), keys.similar("x"), keys.trending_list("*", "24h"), keys.row("new", "*")):
        await writer.write_shared(key, value, TTL_S)


async def put_person(
    writer: ListWriter,
    user_id: str,
    items: Sequence[str] = ("own",),
    *,
    age: int = 16,
    country: str = "",
    language: str = "",
    unwanted: Collection[str] = (),
    met: Sequence[str] = (),
    made: bool = True,
    until_ms: int = ALWAYS_MS,
    **only: bool,
) -> None:
    """A user's list and record, as the worker writes them; `listed` or `recorded` False leaves one out. `made` False:
    the record of a changed profile, written before the list is made again."""
    keys = writer.keys
    facts = [CATALOGUE.get(item, facts_of(0)) for item in items]
    record = audience.encode(
        user_id,
        age,
        country,
        language_code(language),
        {code(genre) for genre in unwanted},
        filter_of(met),
        made=made,
        until_ms=until_ms,
    )
    group = []
    if only.get("listed", True):
        group.append((keys.user_list(user_id), stamp().personal(user_id, 7, fragments(*items), facts)))
    if only.get("recorded", True):
        group.append((keys.audience(user_id), record))
    if not made:
        (told,) = [(keys.user_list(user_id), *pair, 7) for pair in group]
        await redis_of(writer).set(keys.holder(OWNER.partition), b"%d" % OWNER.term)
        await writer.change_audiences([told], TTL_S, OWNER)
        return
    for key, value in group:
        await writer.put_cards(key, value)
        await redis_of(writer).set(key, value)


def filter_of(met: Sequence[str]) -> tuple[int, bytes]:
    seen = Seen()
    for item_id in met:
        seen.meet(item_id, NOW_MS)
    return seen_filter(seen)


async def shown(client: httpx.AsyncClient, path: str, **params: str) -> list[str]:
    body = (await client.get(path, params={"limit": "100", **params})).raise_for_status().json()
    if "sections" in body:
        return [item_id for row in body["sections"] if row["id"] != "top_picks" for item_id in ids(row["items"])]
    return ids(body.get("recommendations") or body.get("similar_items") or body.get("items") or [])


async def test_a_child_is_shown_no_similar_item_that_is_not_for_children(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_shelves(writer)
    await put_person(writer, "child", age=7)
    assert await shown(client, SIMILAR, user_id="child") == ["all", "seven", "horror", "french"]


@pytest.mark.parametrize("read_before", [True, False])
async def test_while_redis_is_away_a_child_is_shown_what_is_for_children_and_a_stranger_the_default(
    start_valkey: Callable[..., Any], read_before: bool
) -> None:
    server = start_valkey()
    writer = ListWriter.connect(server.url, Keys("away", "v1"))
    await put_shelves(writer)
    await put_person(writer, "child", age=7)
    async with running(EndpointConfig(server.url, "away", redis_deadline_ms=1000)) as client:
        for path, named in ((LIST, True), (SIMILAR, True), (TRENDING, True), (f"{LIST}/homepage/child", False)):
            if read_before:
                await shown(client, path, **({"user_id": "child"} if named else {}))
        server.kill()
        expected = ["all", "seven", "horror", "french"] if read_before else EVERYWHERE[:4] + EVERYWHERE[5:]
        assert await shown(client, LIST, user_id="child") == expected
        assert await shown(client, f"{LIST}/homepage/child") == expected
        assert await shown(client, TRENDING, user_id="child") == expected
        assert await shown(client, LIST, user_id="stranger") == EVERYWHERE[:4] + EVERYWHERE[5:]
    await writer.close()


async def test_a_process_that_began_while_redis_was_away_knows_its_readers_as_soon_as_redis_is_back(
    start_valkey: Callable[..., Any],
) -> None:
    server = start_valkey()
    server.kill()
    async with started(Endpoint(EndpointConfig(server.url, "late", redis_deadline_ms=1000, refresh_ms=20))) as (
        client,
        services,
    ):
        assert await shown(client, LIST, user_id="child") == []
        ready = await client.get("/readyz")
        assert (ready.status_code, ready.json()["readers_known"]) == (503, 0)
        assert "whoever reads is a stranger" in ready.json()["detail"]
        server.start()
        async with closing_writer(server.url, "late") as writer:
            await put_shelves(writer)
            await put_person(writer, "child", age=7, listed=False)
            await put_person(writer, "grown", ["adult"], age=18)

            async def is_known() -> bool:
                found = await shown(client, LIST, user_id="child")
                assert set(found) <= set(EVERYWHERE) - {"adult"}  # a stranger's, until it is known that it is a child's
                return found == ["all", "seven", "horror", "french"]

            await eventually(is_known)
            assert await shown(client, LIST, user_id="grown") == ["adult"]
            await eventually(lambda: is_ready(client))
            assert (await client.get("/readyz")).json()["readers_known"] == 2
            assert services.store.link.connects == 1


async def is_ready(client: httpx.AsyncClient) -> bool:
    return (await client.get("/readyz")).status_code == 200


@asynccontextmanager
async def closing_writer(url: str, namespace: str) -> AsyncIterator[ListWriter]:
    writer = ListWriter.connect(url, Keys(namespace, "v1"))
    yield writer
    await writer.close()


@pytest.mark.parametrize(("maturity", "hidden"), [("18", set()), ("16", {"adult"}), ("12", {"adult", "sixteen"})])
async def test_the_default_holds_for_whom_nobody_knows(
    config: EndpointConfig, writer: ListWriter, maturity: Any, hidden: set[str]
) -> None:
    await put_shelves(writer)
    async with running(replace(config, default_maturity=maturity)) as client:
        for path, params in (
            (LIST, {"user_id": "new"}),
            (f"{LIST}/homepage/new", {}),
            (SIMILAR, {}),
            (SIMILAR, {"user_id": "new"}),
            (TRENDING, {}),
            (TRENDING, {"user_id": "new"}),
        ):
            assert set(await shown(client, path, **params)) == set(EVERYWHERE) - hidden, (path, params)


async def test_the_request_can_only_restrict(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_shelves(writer)
    await put_person(writer, "grown", ["adult", "all"], age=18)
    await put_person(writer, "teen", ["all"], age=12)
    for path in (LIST, SIMILAR, TRENDING):
        assert "adult" in await shown(client, path, user_id="grown")
        assert "adult" not in await shown(client, path, user_id="grown", max_maturity="16")
        assert not {"sixteen", "adult"} & set(await shown(client, path, user_id="teen", max_maturity="18"))
        assert "adult" not in await shown(client, path, user_id="stranger", max_maturity="18")
    assert await shown(client, f"{LIST}/homepage/grown", max_maturity="7") == ["seven", "horror", "french"]
    assert await shown(client, LIST, user_id="grown", max_maturity="12") == ["all"]  # of their own list
    answer = await client.get(LIST, params={"user_id": "grown", "max_maturity": "6"})
    assert (answer.status_code, answer.json()["allowed"]) == (400, "all, 7, 12, 16, 18")


async def test_a_token_says_what_its_holder_may_see(config: EndpointConfig, writer: ListWriter) -> None:
    await put_shelves(writer)
    secured = replace(config, tokens=TokenConfig(secret=SECRET))

    async def adult_for(client: httpx.AsyncClient, claim: Any) -> bool:
        answer = await client.get(LIST, params={"user_id": "u"}, headers=bearer(max_maturity=claim))
        return "adult" in ids(answer.raise_for_status().json()["recommendations"])

    async with running(secured) as client:
        assert [await adult_for(client, claim) for claim in (None, "16", "18", 18, 18.0)] == [
            False,
            False,
            True,
            True,
            True,
        ]
        assert [await adult_for(client, claim) for claim in ("adult", True, [18], 1e400, -1, "")] == [False] * 6
        nothing = await client.get(LIST, params={"user_id": "u"}, headers=bearer(max_maturity="R"))
        assert set(ids(nothing.json()["recommendations"])) == {"all", "horror", "french"}  # it restricts most
    await put_person(writer, "u", age=12, listed=False)
    async with running(secured) as client:
        assert not await adult_for(client, "18")  # a token lifts no limit that the user has


async def test_countries_languages_genres_and_what_was_met_hold_for_lists_of_everybody(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_shelves(writer)
    await put_person(writer, "u", age=18, country="DE", language="de-AT", unwanted=["Horror"], met=["all", "adult"])
    expected = ["seven", "twelve", "sixteen", "german"]
    assert await shown(client, SIMILAR, user_id="u") == expected
    assert await shown(client, TRENDING, user_id="u") == expected
    assert await shown(client, f"{LIST}/homepage/u") == expected
    await redis_of(writer).delete(writer.keys.user_list("u"))
    assert await shown(client, LIST, user_id="u") == expected
    assert "german" not in await shown(client, SIMILAR, user_id="u", country="FR")


async def test_a_list_is_checked_when_its_user_may_see_less_by_now(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    mine = ["adult", "all", "horror"]
    await put_person(writer, "u", mine, age=18)
    assert await shown(client, LIST, user_id="u") == mine
    await put_person(writer, "u", age=7, unwanted=["Horror"], made=False, listed=False)
    for context in ("homepage", "search", "post_play"):
        assert await shown(client, LIST, user_id="u", context=context) == ["all"]


async def test_a_list_that_stays_says_each_time_that_its_user_may_see_less(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_person(writer, "u", ["adult", "sixteen", "twelve", "all"], age=18)
    for age, expected in ((16, ["sixteen", "twelve", "all"]), (12, ["twelve", "all"]), (0, ["all"])):
        for _ in range(2):
            await shown(client, LIST, user_id="u")
        await put_person(writer, "u", age=age, made=False, listed=False)
        for _ in range(2):
            assert await shown(client, LIST, user_id="u") == expected
    await put_person(writer, "u", ["own"], age=18)
    assert await shown(client, LIST, user_id="u") == ["own"]


async def test_what_lies_beside_a_list_is_read_once_while_the_list_stays(
    config: EndpointConfig, writer: ListWriter
) -> None:
    async def reads() -> int:
        stats = await redis_of(writer).info("commandstats")
        return sum(int(stats[f"cmdstat_{name}"]["calls"]) for name in ("get", "getrange") if f"cmdstat_{name}" in stats)

    await put_shelves(writer)
    async with running(replace(config, refresh_ms=3_600_000)) as client:  # nothing else reads
        for user_id in ("u", "gone"):
            await put_person(writer, user_id, age=12)
            await shown(client, LIST, user_id=user_id)
        before = await reads()
        for _ in range(10):
            await shown(client, LIST, user_id="u")
        assert await reads() == before + 10
        await redis_of(writer).delete(writer.keys.user_list("gone"))
        await put_person(writer, "gone", age=7, listed=False)
        assert await shown(client, LIST, user_id="gone") == ["all", "seven", "horror", "french"]  # none was beside it


async def test_an_item_that_is_restricted_later_is_gone_from_lists_that_were_made_before(
    config: EndpointConfig, writer: ListWriter
) -> None:
    """Whoever may still see it still does, also where Redis lost what its readers may see."""
    await put_shelves(writer)
    for user_id, age in (("child", 7), ("teen", 12), ("lost", 12)):
        await put_person(writer, user_id, ["own", "all"], age=age)
    await redis_of(writer).delete(writer.keys.audience("lost"))
    others = {f"other {number}": facts_of(18) for number in range(3 * PAGE)}
    async with running(config) as client:

        async def who_sees(item: str) -> set[tuple[str, str]]:
            found = set()
            for user_id in ("child", "teen", "lost"):
                for name, path in (("list", LIST), ("similar", SIMILAR), ("trend", TRENDING)):
                    for more in ({}, {"offset": "1"} if name == "list" else {}, {"max_maturity": "16"}):
                        if item in await shown(client, path, user_id=user_id, **more):
                            found.add((name, user_id))
                if item in await shown(client, f"{LIST}/homepage/{user_id}"):
                    found.add(("page", user_id))
                page = (await client.get(f"{LIST}/homepage/{user_id}")).json()["sections"]
                if any(item in ids(row["items"]) for row in page if row["id"] == "top_picks"):
                    found.add(("own row", user_id))
            return found

        before = await who_sees("all")
        assert {("own row", "lost"), ("list", "lost"), ("list", "child"), ("trend", "teen")} <= before
        assert ("trend", "lost") not in before
        tag = (await client.get(LIST, params={"user_id": "teen"})).headers["etag"]
        await restate(writer, {"all": facts_of(12), **others})

        async def is_read() -> bool:
            return (await client.get(LIST, params={"user_id": "teen"})).headers["etag"] != tag

        await eventually(is_read)
        assert await who_sees("all") == {pair for pair in before if pair[1] == "teen"}
        await restate(writer, {"all": facts_of(0, ("War",))})

        async def is_back() -> bool:
            return await who_sees("all") == {pair for pair in before if pair[1] != "lost"}

        await eventually(is_back)


async def test_a_genre_that_somebody_does_not_want_is_not_shown_where_it_is_asked_for(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    keys = writer.keys
    films = stamp("popular").shared(
        fragments("scream", "both"), [facts_of(0, ("Horror",)), facts_of(0, ("Horror", "War"))]
    )
    await writer.write_shared(keys.trending_list("*", "24h", "Horror"), films, TTL_S)
    await writer.write_shared(keys.row("genre", "Horror"), films, TTL_S)
    await put_person(writer, "hater", unwanted=["Horror"])
    await put_person(writer, "soldier", unwanted=["War"])
    for user_id, expected in (("hater", []), ("soldier", ["scream"]), ("new", ["scream", "both"])):
        assert await shown(client, TRENDING, user_id=user_id, category="Horror") == expected
    assert await shown(client, TRENDING, category="Horror") == ["scream", "both"]


async def test_a_list_is_checked_once_an_item_of_it_is_over(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_person(writer, "u", ["over", "all"], until_ms=NOW_MS)
    assert await shown(client, LIST, user_id="u") == ["all"]


async def test_whose_record_is_lost_is_no_stranger(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_shelves(writer)
    await put_person(writer, "u", ["own", "twelve"], recorded=False)
    assert await shown(client, LIST, user_id="u") == ["own", "twelve"]  # it was made for them
    assert await shown(client, f"{LIST}/homepage/u") == []  # whatever else there is was not
    assert await shown(client, SIMILAR, user_id="u") == ["twelve"]
    assert await shown(client, TRENDING, user_id="u") == []


async def test_nobody_is_evaluated_by_the_record_of_another(config: EndpointConfig, writer: ListWriter) -> None:
    await put_shelves(writer)
    await put_person(writer, "grown", age=18, listed=False)
    record = await writer.read(writer.keys.audience("grown"))
    assert record is not None
    await redis_of(writer).set(writer.keys.audience("child"), record)
    async with running(config) as client:
        assert "adult" not in await shown(client, LIST, user_id="child")


async def test_what_is_missing_of_a_long_record_counts_as_met(config: EndpointConfig, writer: ListWriter) -> None:
    met = [f"met {number}" for number in range(5000)]
    await put_person(writer, "u", met=met)
    record = await writer.read(writer.keys.audience("u"))
    assert record is not None
    assert len(record) > 4 * RECORD_BYTES
    await writer.write_shared(
        writer.keys.popular(), stamp("popular").shared(fragments(*met[:900]), [b"0"] * 900), TTL_S
    )
    await redis_of(writer).delete(writer.keys.user_list("u"))
    async with running(config) as client:
        assert await shown(client, LIST, user_id="u") == []


async def test_where_age_leaves_too_little_the_list_of_that_age_is_shown(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    keys = writer.keys
    adults = [f"adult {number}" for number in range(20)]
    for key, items, facts in (
        (keys.popular(), [*adults, "all"], [b"18"] * 20 + [b"0"]),
        (keys.popular(maturity="16"), ["all", "more", "sixteen"], [b"0", b"0", b"16"]),
        (keys.trending_list("*", "24h"), adults, [b"18"] * 20),
        (keys.trending_list("*", "24h", maturity="16"), ["trend"], [b"0"]),
    ):
        await writer.write_shared(key, stamp("popular").shared(fragments(*items), facts), TTL_S)
    assert await shown(client, LIST, user_id="new") == ["all", "more", "sixteen"]
    assert await shown(client, TRENDING) == ["trend"]
    assert await shown(client, TRENDING, max_maturity="7") == []


async def test_the_tag_tells_answers_for_different_audiences_apart(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_shelves(writer)
    await put_person(writer, "child", age=7, listed=False)
    tags = set()
    for params in ({"user_id": "child"}, {"user_id": "new"}, {"user_id": "new", "max_maturity": "7"}):
        for path in (LIST, SIMILAR, TRENDING):
            tags.add((path, (await client.get(path, params=params)).headers["etag"]))
    assert len(tags) >= 2 * 3
    first = await client.get(TRENDING)
    await put_person(writer, "child", age=12, listed=False)
    grown = await client.get(TRENDING, params={"user_id": "child"}, headers={"if-none-match": first.headers["etag"]})
    assert grown.status_code == 200


async def test_a_reader_is_forgotten_after_so_many_others(
    config: EndpointConfig, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("serving.endpoint.audiences.MAX_HELD", 3)
    for user_id in "abcd":
        await put_person(writer, user_id, listed=False)
    async with started(Endpoint(config)) as (client, services):
        for user_id in "abcad":
            await shown(client, LIST, user_id=user_id)
        assert list(services.store.audiences._held) == ["c", "a", "d"]
        monkeypatch.setattr("serving.endpoint.audiences.HELD_S", -1)
        assert services.store.audiences.held("d") is None


def test_a_filter_that_grows_is_the_one_that_is_made_at_once() -> None:
    seen = Seen()
    for number in range(300):
        seen.meet(f"i{number}", NOW_MS)
        assert seen_filter(seen) == filter_of([f"i{other}" for other in range(number + 1)])
    seen._drop_oldest()
    assert seen.forgotten > 0
    assert seen_filter(seen) == (filter_of(list(seen.hours)) if seen.hours else audience.NO_FILTER)


def test_a_filter_forgets_nothing() -> None:
    random = np.random.default_rng(1)
    for count in (1, 63, 700, 20_000):
        met = [f"i{number}" for number in random.choice(10**9, count, replace=False).tolist()]
        log2, bits = filter_of(met)
        held = audience.Audience(None, True, 0, (log2, bits))  # type: ignore[arg-type]  # no limits are asked
        cut_short = held._replace(seen=(log2, bits[: len(bits) // 3]))
        hashed = [item_hash(item) for item in met]
        assert all(map(held.has_met, hashed))
        assert all(map(cut_short.has_met, hashed))
        others = [held.has_met(item_hash(f"other {number}")) for number in range(2_000)]
        assert np.mean(others) < (0.03 if count <= 700 else 0.35)
