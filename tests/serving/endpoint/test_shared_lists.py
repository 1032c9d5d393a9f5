"""How many shared lists a process holds, and which go when there are too many."""

from __future__ import annotations

from collections.abc import AsyncIterator

import httpx
import pytest

from serving.endpoint import shared_lists
from serving.endpoint.config import EndpointConfig
from serving.endpoint.shared_lists import UNUSED_S, SharedListCache
from serving.keys import Keys
from serving.live_pointer import LivePointer
from serving.redis_address import RedisAddress
from serving.redis_link import RedisLink
from serving.redis_writer import ListWriter

from .conftest import TTL_S, eventually, for_everybody, fragments, running, stamp
from .test_reads import ids, put_popular


@pytest.fixture
async def link(config: EndpointConfig) -> AsyncIterator[RedisLink]:
    link = RedisLink(RedisAddress.from_url(config.redis_url), deadline_s=2)
    await link.start()
    yield link
    await link.close()


async def put(writer: ListWriter, *names: str) -> list[bytes]:
    keys = [writer.keys.row("genre", name) for name in names]
    for key in keys:
        await writer.write_shared(key, stamp("popular").shared(*for_everybody(fragments(key))), TTL_S)
    return [key.encode() for key in keys]


async def test_every_version_in_turn_has_its_lists(
    writer: ListWriter, config: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_lists, "MAX_LISTS", 12)
    genres = [f"g{number}" for number in range(6)]
    async with running(config) as client:
        for number in range(1, 6):
            keys = Keys(writer.keys.namespace, f"v{number}")
            for key in (keys.popular(), *(keys.trending_list("*", "24h", genre) for genre in genres)):
                await writer.write_shared(
                    key, stamp("popular", keys.version).shared(*for_everybody(fragments(keys.version))), TTL_S
                )
            await writer.switch_live(LivePointer({keys.version: 100}, sequence=number))

            async def follows(version: str = keys.version) -> bool:
                return (await client.get("/readyz")).json()["versions"] == [version]

            await eventually(follows)
            for genre in genres:
                assert await shown(client, genre) == [keys.version]


async def shown(client: httpx.AsyncClient, genre: str) -> list[str]:
    return ids((await client.get("/api/v1/trending", params={"category": genre})).json()["items"])


async def test_what_was_asked_for_longest_ago_makes_room_and_fallbacks_do_not(
    writer: ListWriter, link: RedisLink, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(shared_lists, "MAX_LISTS", 3)
    a, b, c, d = await put(writer, *"abcd")
    held = SharedListCache(link)
    await held.refresh([a])
    for key in (b, c, b, d):
        assert await held.get(key) is not None
    assert set(held._held) == {a, b, d}
    await held.refresh([a, b, d])
    assert await held.get(c) is not None  # all are needed: it is read from Redis each time, and takes nobody's place
    assert set(held._held) == {a, b, d}


async def test_a_list_that_nobody_asks_for_is_refreshed_no_more(writer: ListWriter, link: RedisLink) -> None:
    a, b, c = await put(writer, *"abc")
    held = SharedListCache(link)
    await held.refresh([a], now_s=1.0)
    await held.get(b)
    await held.get(c)
    await held.refresh([a], now_s=UNUSED_S)
    await held.get(c)
    await held.refresh([a], now_s=1.0 + UNUSED_S)
    assert set(held._held) == {a, c}


async def test_lists_of_a_version_that_serves_nobody_go_once_the_next_ones_are_held(
    writer: ListWriter, link: RedisLink
) -> None:
    await put_popular(writer, "old")
    old, new = writer.keys.popular(), Keys(writer.keys.namespace, "v2").popular()
    await writer.write_shared(new, stamp("popular", "v2").shared(*for_everybody(fragments("new"))), TTL_S)
    held = SharedListCache(link)
    await held.refresh([old.encode()])
    await held.refresh([new.encode()], [Keys(writer.keys.namespace, "v2").prefix.encode()])
    assert set(held._held) == {new.encode()}
