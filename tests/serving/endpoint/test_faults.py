"""Whatever happens to Redis: every request is answered 200, labelled, and with nobody else's list."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable
from typing import Any

import httpx
import pytest
from listed import CardWriter as ListWriter
from listed import redis_of

from serving.endpoint.config import EndpointConfig
from serving.keys import Keys

from .conftest import TTL_S, eventually, for_everybody, fragments, running, stamp
from .test_reads import LIST, put_popular, put_user

KEYS = Keys("faults", "v1")
USERS = [f"u{n}" for n in range(20)]


@pytest.fixture
def server(start_valkey: Callable[..., Any]) -> Any:
    return start_valkey()


@pytest.fixture
async def filled(server: Any) -> AsyncIterator[Callable[[], Any]]:
    """Writes every user's list and the popular one; call it again after the server lost them."""

    async def fill() -> None:
        writer = ListWriter.connect(server.url, KEYS)
        for user_id in USERS:
            await put_user(writer, user_id, f"of {user_id}")
        await put_popular(writer, "popular")
        await put_popular(writer, "german", country="DE")
        value = stamp("popular").shared(*for_everybody(fragments("trend")))
        await writer.write_shared(KEYS.trending_list("*", "24h"), value, TTL_S)
        await writer.close()

    await fill()
    return fill


async def sources(client: httpx.AsyncClient) -> set[str]:
    """Asks for all users at once and checks every answer."""
    answers = await asyncio.gather(*[client.get(LIST, params={"user_id": user_id}) for user_id in USERS])
    for user_id, answer in zip(USERS, answers, strict=True):
        body = answer.json()
        assert (answer.status_code, body["user_id"]) == (200, user_id)
        expected = f"of {user_id}" if body["source"] == "personal" else "popular"
        assert [item["item_id"] for item in body["recommendations"]] == [expected]
    return {answer.json()["source"] for answer in answers}


async def until_personal(client: httpx.AsyncClient) -> None:
    async def personal() -> bool:
        return await sources(client) == {"personal"}

    await eventually(personal, within_s=20)


def config(server: Any, deadline_ms: int = 100) -> EndpointConfig:
    return EndpointConfig(server.url, KEYS.namespace, redis_deadline_ms=deadline_ms, refresh_ms=20)


@pytest.mark.usefixtures("filled")
async def test_a_hung_redis_costs_one_deadline_and_comes_back(server: Any) -> None:
    async with running(config(server)) as client:
        await until_personal(client)
        assert (await client.get(LIST, params={"user_id": "new"})).json()["source"] == "popular"
        server.pause()
        try:
            assert await sources(client) == {"popular"}
            user = "/api/v1/users/u1"
            for path in (
                *(f"{LIST}/homepage/u1", f"{user}/continue-watching", f"{user}/bundle", "/api/v1/items/x/similar"),
                "/api/v1/search/recent?user_id=u1",
            ):
                assert (await client.get(path)).status_code == 200
            assert (await client.get("/readyz")).json()["redis"] == "the circuit is open"
            page = (await client.get("/metrics")).text
            assert "freshet_endpoint_redis_trips_total 1.0" in page
            assert "freshet_endpoint_redis_unavailable_total 0.0" not in page
        finally:
            server.resume()
        await until_personal(client)


async def test_a_killed_and_empty_redis(server: Any, filled: Callable[[], Any]) -> None:
    async with running(config(server)) as client:
        await until_personal(client)  # nobody has needed a fallback yet: it must be there nevertheless
        server.kill()
        assert await sources(client) == {"popular"}
        server.start()

        async def connected() -> bool:
            assert await sources(client) == {"popular"}  # from memory: the server is empty
            return bool((await client.get("/readyz")).json()["redis"] == "up")

        await eventually(connected, within_s=20)
        await filled()
        await until_personal(client)


async def test_a_redis_that_is_away_at_the_start(server: Any, filled: Callable[[], Any]) -> None:
    server.kill()
    async with running(config(server)) as client:
        body = (await client.get(LIST, params={"user_id": "u1"})).json()
        assert (body["source"], body["recommendations"]) == ("popular", [])
        server.start()
        await filled()
        await until_personal(client)


@pytest.mark.usefixtures("filled")
async def test_the_fallback_of_a_country_is_held_once_a_reader_has_named_it(server: Any) -> None:
    async with running(config(server)) as client:

        async def held() -> int:
            return int((await client.get("/readyz")).json()["fallback_lists"])

        before, german = await held(), {"user_id": "u1", "country": "DE"}
        assert (await client.get(LIST, params=german)).json()["source"] == "personal"

        async def more() -> bool:
            return await held() > before

        await eventually(more)
        server.kill()
        for context in ("homepage", "search"):
            body = (await client.get(LIST, params={**german, "context": context})).json()
            assert (body["source"], body["recommendations"][0]["item_id"]) == ("segment", "german")


@pytest.mark.usefixtures("filled")
async def test_a_redis_that_refuses_reads(server: Any) -> None:
    async with running(config(server)) as client:
        await until_personal(client)
        assert (await client.get(LIST, params={"user_id": "new"})).json()["source"] == "popular"
        writer = ListWriter.connect(server.url, KEYS)
        await redis_of(writer).execute_command("ACL", "SETUSER", "default", "-get", "-getrange")
        assert await sources(client) == {"popular"}
        await redis_of(writer).execute_command("ACL", "SETUSER", "default", "+@all")
        await writer.close()
        await until_personal(client)


async def test_the_password_is_in_the_url(start_valkey: Callable[..., Any]) -> None:
    server = start_valkey("--requirepass", "pass%word")
    url = server.url.replace("redis://", "redis://default:pass%25word@")
    writer = ListWriter.connect(url, KEYS)
    await put_user(writer, "u", "mine")
    await writer.close()
    async with running(EndpointConfig(url, KEYS.namespace, redis_deadline_ms=1000)) as client:
        assert (await client.get(LIST, params={"user_id": "u"})).json()["source"] == "personal"
