"""How lists are read: with few commands, and many at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from serving.endpoint.shared_lists import CHUNK
from serving.redis_link import RedisLink
from serving.redis_writer import ListWriter

from .conftest import TTL_S, eventually, for_everybody, fragments, stamp
from .test_reads import LIST, ids, put_popular


async def test_more_lists_than_one_round_trip_takes_stay_fresh(client: httpx.AsyncClient, writer: ListWriter) -> None:
    categories = [f"c{number}" for number in range(CHUNK + 5)]

    async def write(item_id: str) -> None:
        for category in categories:
            key = writer.keys.trending_list("*", "24h", category)
            await writer.write_shared(key, stamp("popular").shared(*for_everybody(fragments(item_id))), TTL_S)

    async def shown() -> set[str]:
        answers = [await client.get("/api/v1/trending", params={"category": category}) for category in categories]
        return {item["item_id"] for answer in answers for item in answer.json()["items"]}

    await write("old")
    assert await shown() == {"old"}
    await write("young")

    async def fresh() -> bool:
        return await shown() == {"young"}

    await eventually(fresh)


async def test_an_unknown_user_costs_one_command_once_the_popular_list_is_held(
    client: httpx.AsyncClient, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    sent: list[bytes] = []
    send = RedisLink.send

    def counted(link: RedisLink, frame: bytes, key: bytes = b"") -> asyncio.Future[Any]:
        sent.append(frame)
        return send(link, frame, key)

    await put_popular(writer, "p")
    await client.get(LIST, params={"user_id": "nobody"})
    monkeypatch.setattr(RedisLink, "send", counted)
    assert ids((await client.get(LIST, params={"user_id": "nobody"})).json()["recommendations"]) == ["p"]
    assert len([frame for frame in sent if b"list:{u:nobody}" in frame]) == 1
