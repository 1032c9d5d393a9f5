"""How lists are read: as little of them as an answer needs, and many at a time."""

from __future__ import annotations

import asyncio
from typing import Any

import httpx
import pytest

from serving.endpoint import store as store_module
from serving.endpoint.config import EndpointConfig
from serving.endpoint.marks import UserMarks
from serving.endpoint.missed_lists import MissedLists
from serving.endpoint.shared_lists import CHUNK
from serving.endpoint.store import Store
from serving.fragments import item_fragment
from serving.list_format import UnreadableList
from serving.redis_address import RedisAddress
from serving.redis_link import RedisLink
from serving.redis_writer import ListWriter

from .conftest import TTL_S, eventually, for_everybody, fragments, stamp
from .test_reads import LIST, ids, put_popular


async def test_the_start_that_is_read_grows_to_what_lists_need_and_not_beyond(
    config: EndpointConfig, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(store_module, "EASED", 1.0)
    long = [item_fragment(f"i{n}", "Title " * 60, 0.5, "Because", "because") for n in range(100)]
    await writer.write_lists([(writer.keys.user_list("u"), stamp().personal("u", 7, long))], TTL_S)
    link = RedisLink(RedisAddress.from_url(config.redis_url), deadline_s=2)
    await link.start()
    store = Store(config, link, MissedLists(link, UserMarks(config.partitions)))
    version = store.versions.first()

    async def start() -> bytes:
        return await store.ask(version, "u", "homepage", 20)

    with pytest.raises(UnreadableList):
        store.cut_start(await start(), version, "u", 0, 20, None, {}, 0)
    cuts = await asyncio.gather(*[store.user_cut("u", "homepage", b"cut short", None, {}, 0) for _ in range(50)])
    whole, joined = len(cuts[0][0].value) if cuts[0] else 0, cuts[0] and cuts[0][1]
    assert store.cut_start(await start(), version, "u", 0, 20, None, {}, 0)[1] == joined
    assert len(await start()) < whole / 4  # no more of the list than its cut, however many grew it at a time
    monkeypatch.setattr(store_module, "EASED", 0.1)
    await store.refresh()
    assert store._item_bytes == store_module.LEAST_ITEM_BYTES
    await link.close()


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

    def counted(link: RedisLink, frame: bytes) -> asyncio.Future[Any]:
        sent.append(frame)
        return send(link, frame)

    await put_popular(writer, "p")
    await client.get(LIST, params={"user_id": "nobody"})
    monkeypatch.setattr(RedisLink, "send", counted)
    assert ids((await client.get(LIST, params={"user_id": "nobody"})).json()["recommendations"]) == ["p"]
    assert len([frame for frame in sent if b"list:{u:nobody}" in frame]) == 1
