"""What readers get, from the user's own list down to the last resort."""

from __future__ import annotations

import httpx
import pytest
from listed import continue_fragment, redis_of, withdraw

from serving import audience
from serving.eligibility import ALWAYS_MS
from serving.endpoint.config import EndpointConfig
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_writer import ListWriter

from .conftest import NOW_MS, TTL_S, eventually, for_everybody, fragments, running, stamp

LIST = "/api/v1/recommendations"


async def put_user(writer: ListWriter, user_id: str, *item_ids: str, version: str = "v1", offset: int = 7) -> None:
    keys = Keys(writer.keys.namespace, version)
    value = stamp(version=version).personal(user_id, offset, *for_everybody(fragments(*item_ids)))
    record = audience.encode(user_id, 16, "", b"", (), until_ms=ALWAYS_MS)
    await writer.write_together([((keys.user_list(user_id), value), (keys.audience(user_id), record))], TTL_S)


async def put_popular(writer: ListWriter, *item_ids: str, context: str = "homepage", country: str = "") -> None:
    source = "segment" if country else "popular"
    key = writer.keys.popular(context, country)
    await writer.write_shared(key, stamp(source).shared(*for_everybody(fragments(*item_ids))), TTL_S)


def ids(items: list[dict[str, str]]) -> list[str]:
    return [item["item_id"] for item in items]


async def test_a_known_user_gets_their_list(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_user(writer, "u", *"abcde")
    body = (await client.get(LIST, params={"user_id": "u", "limit": 2, "offset": 1})).json()
    assert ids(body.pop("recommendations")) == ["b", "c"]
    assert body.pop("generated_at") < body.pop("expires_at")
    assert body.pop("recommendation_id").startswith("v1.0.7.")
    assert body == {
        "user_id": "u",
        "model_version": "v1",
        "variant": "v1",
        "source": "personal",
        "stale": False,
        "as_of": {"partition": 0, "offset": 7},
    }


async def test_a_list_from_before_the_first_record_of_its_partition_is_still_its_users_own(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_user(writer, "u", "a", offset=-1)
    answer = await client.get(LIST, params={"user_id": "u"})
    assert answer.text.count('"user_id"') == 1
    assert answer.json()["recommendation_id"].startswith("v1.0.-1.")
    assert answer.json()["source"] == "personal"


@pytest.mark.parametrize("user_id", ["ü/ñ", 'a"b\\c', "a}:b", "日本", "%41", "a b+c&d=e"])
async def test_any_id_reads_its_own_list(client: httpx.AsyncClient, writer: ListWriter, user_id: str) -> None:
    await put_user(writer, user_id, "mine")
    body = (await client.get(LIST, params={"user_id": user_id})).json()
    assert (body["user_id"], ids(body["recommendations"])) == (user_id, ["mine"])


async def test_an_unknown_user_gets_the_country_then_the_popular_list(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_popular(writer, "world")
    await put_popular(writer, "local", country="DE")
    for country, expected in (("DE", ("segment", ["local"])), ("FR", ("popular", ["world"]))):
        body = (await client.get(LIST, params={"user_id": "new", "country": country})).json()
        assert (body["source"], ids(body["recommendations"])) == expected
        assert body["user_id"] == "new"
        assert body["as_of"] is None


async def test_a_context_without_a_popular_list_gets_the_homepages(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_popular(writer, "home")
    await put_popular(writer, "german", country="DE")
    for country, expected in (("DE", ["german"]), ("FR", ["home"])):
        answer = await client.get(LIST, params={"user_id": "n", "context": "search", "country": country})
        assert ids(answer.json()["recommendations"]) == expected


async def test_with_nothing_at_all_the_answer_is_an_empty_popular_list(client: httpx.AsyncClient) -> None:
    body = (await client.get(LIST, params={"user_id": "new"})).json()
    assert (body["source"], body["recommendations"], body["model_version"]) == ("popular", [], "v1")


async def test_each_shared_answer_has_an_id_of_its_own(client: httpx.AsyncClient) -> None:
    answers = [(await client.get(LIST, params={"user_id": "new"})).json() for _ in range(2)]
    assert answers[0]["recommendation_id"] != answers[1]["recommendation_id"]


async def test_an_expired_list_is_served_and_labelled(client: httpx.AsyncClient, writer: ListWriter) -> None:
    value = stamp(age_s=100, lives_s=50).personal("u", 1, fragments("a"))
    await writer.write_lists([(writer.keys.user_list("u"), value)], TTL_S)
    body = (await client.get(LIST, params={"user_id": "u"})).json()
    assert (body["stale"], ids(body["recommendations"])) == (True, ["a"])


async def test_an_unreadable_list_is_as_good_as_none(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_popular(writer, "p")
    await writer.write_lists([(writer.keys.user_list("u"), b"\xf5\xff" + b"x" * 50)], TTL_S)
    assert (await client.get(LIST, params={"user_id": "u"})).json()["source"] == "popular"


async def test_a_list_of_somebody_else_is_never_shown(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_popular(writer, "p")
    other = stamp().personal("somebody", 1, fragments("private"))
    await writer.write_lists([(writer.keys.user_list("u"), other)], TTL_S)
    assert "private" not in (await client.get(LIST, params={"user_id": "u"})).text


async def test_blocked_items_disappear_and_the_next_ones_move_up(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_user(writer, "u", *"abcdef")

    async def shown() -> list[str]:
        answer = await client.get(LIST, params={"user_id": "u", "limit": 2, "offset": 1})
        return ids(answer.json()["recommendations"])

    assert await shown() == ["b", "c"]
    await withdraw(writer, "b", "c", "unrelated")

    async def moved_up() -> bool:
        return await shown() == ["d", "e"]

    await eventually(moved_up)
    await redis_of(writer).delete(*writer.keys.of_items)  # a wiped server brings nothing back
    assert await shown() == ["d", "e"]


async def test_a_context_without_a_list_of_its_own_gets_the_users_homepage_list(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await put_user(writer, "u", "mine")
    await put_popular(writer, "everybody's")

    async def shown(context: str) -> list[str]:
        answer = await client.get(LIST, params={"user_id": "u", "context": context})
        return ids(answer.json()["recommendations"])

    assert await shown("search") == await shown("post_play") == ["mine"]
    empty = stamp().personal("u", 7, [], context="post_play")
    await writer.write_lists([(writer.keys.user_list("u", "post_play"), empty)], TTL_S)
    assert await shown("post_play") == ["mine"]
    later = stamp().personal("u", 8, fragments("next"), context="post_play")
    await writer.write_lists([(writer.keys.user_list("u", "post_play"), later)], TTL_S)
    assert await shown("post_play") == ["next"]


async def test_similar_items_then_popular_ones_but_never_the_item_itself(
    client: httpx.AsyncClient, writer: ListWriter
) -> None:
    await writer.write_shared(
        writer.keys.similar("a/b"), stamp("popular").shared(*for_everybody(fragments("x", "y"))), TTL_S
    )
    await put_popular(writer, "lonely", "p")
    near = (await client.get("/api/v1/items/a%2Fb/similar", params={"limit": 1})).json()
    assert (near["item_id"], ids(near["similar_items"]), near["source"]) == ("a/b", ["x"], "similar")
    far = (await client.get("/api/v1/items/lonely/similar")).json()
    assert (ids(far["similar_items"]), far["source"]) == (["p"], "popular")


async def test_similar_items_in_the_order_of_a_user(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await writer.write_shared(
        writer.keys.similar("i"), stamp("popular").shared(*for_everybody(fragments(*"abcdef"))), TTL_S
    )
    await put_user(writer, "u", "z", "e", "c", "i")

    async def answer(**params: str) -> httpx.Response:
        return await client.get("/api/v1/items/i/similar", params=params)

    mine = await answer(user_id="u")
    items = mine.json()["similar_items"]
    assert ids(items) == ["c", "e", "a", "b", "d", "f"]
    assert [item["score"] for item in items] == [1.0, 0.999, 0.998, 0.997, 0.996, 0.995]
    assert [item["title"] for item in items][:2] == ["Title c", "Title e"]
    assert ids((await answer(user_id="u", limit="3")).json()["similar_items"]) == ["c", "e", "a"]
    assert mine.headers["cache-control"].startswith("private")
    everybodys = await answer()
    assert ids(everybodys.json()["similar_items"]) == [*"abcdef"]
    assert everybodys.headers["etag"] != mine.headers["etag"]
    assert ids((await answer(user_id="nobody")).json()["similar_items"]) == [*"abcdef"]


async def test_trending_of_a_region_else_of_everywhere(client: httpx.AsyncClient, writer: ListWriter) -> None:
    keys = writer.keys
    await writer.write_shared(
        keys.trending_list("*", "7d"), stamp("popular").shared(*for_everybody(fragments("w"))), TTL_S
    )
    await writer.write_shared(
        keys.trending_list("DE", "7d"), stamp("popular").shared(*for_everybody(fragments("d"))), TTL_S
    )
    await writer.write_shared(
        keys.trending_list("europe", "7d"), stamp("popular").shared(*for_everybody(fragments("e"))), TTL_S
    )
    await writer.write_shared(
        keys.trending_list("*", "7d", "Drama"), stamp("popular").shared(*for_everybody(fragments("t"))), TTL_S
    )

    async def answer(**params: str) -> tuple[str, list[str]]:
        body = (await client.get("/api/v1/trending", params={"window": "7d", **params})).json()
        return body["region"], ids(body["items"])

    assert await answer(region="DE") == ("DE", ["d"])
    assert await answer(region="FR") == ("*", ["w"])
    assert await answer(region="europe") == ("europe", ["e"])
    assert await answer(region="oceania") == ("*", ["w"])
    assert await answer(category="Drama") == ("*", ["t"])
    assert await answer(category="Nothing") == ("*", [])


async def test_continue_watching(client: httpx.AsyncClient, writer: ListWriter) -> None:
    begun = [continue_fragment("b", "B", 50, 10, NOW_MS)]
    await writer.write_lists([(writer.keys.continue_watching("u"), stamp().personal("u", 7, begun))], TTL_S)
    body = (await client.get("/api/v1/users/u/continue-watching")).json()
    assert (body["user_id"], body["items"][0]["progress_pct"]) == ("u", 50.0)
    nothing = {"user_id": "new", "model_version": "v1", "variant": "v1", "items": []}
    answer = (await client.get("/api/v1/users/new/continue-watching")).json()
    assert answer.pop("recommendation_id")
    assert answer == nothing


async def test_the_live_pointer_moves_users_and_never_goes_back(client: httpx.AsyncClient, writer: ListWriter) -> None:
    for version in ("v1", "v2"):
        await put_user(writer, "u", version, version=version)

    async def served() -> str:
        body = (await client.get(LIST, params={"user_id": "u"})).json()
        assert ids(body["recommendations"]) == [body["model_version"]]
        return str(body["variant"])

    assert await served() == "v1"
    newer = LivePointer({"v2": 100}, sequence=2, variants={"v2": "candidate"})
    await redis_of(writer).set(writer.keys.live, newer.encode())

    async def switched() -> bool:
        return await served() == "candidate"

    await eventually(switched)
    await redis_of(writer).set(writer.keys.live, LivePointer({"v1": 100}, sequence=1).encode())
    stale_refreshed = LivePointer({"v2": 100}, sequence=3, variants={"v2": "later"})
    assert await served() == "candidate"
    await redis_of(writer).set(writer.keys.live, stale_refreshed.encode())

    async def later() -> bool:
        variant = await served()
        assert variant in ("candidate", "later")
        return variant == "later"

    await eventually(later)


async def test_a_list_missing_in_one_version_comes_from_the_other(writer: ListWriter, config: EndpointConfig) -> None:
    pointer = LivePointer({"v2": 50, "v1": 50}, sequence=1, salt="s")
    await redis_of(writer).set(writer.keys.live, pointer.encode())
    users = [f"u{n}" for n in range(20)]
    for user_id in users:
        await put_user(writer, user_id, "only in v1", version="v1")
    async with running(config) as client:
        for user_id in users:
            body = (await client.get(LIST, params={"user_id": user_id})).json()
            assert (body["model_version"], body["source"]) == ("v1", "personal")
