"""Reads leave a mark in Redis, by the partition of the user's events, whether or not anything is published."""

from __future__ import annotations

import time
from collections.abc import Callable
from typing import Any

import httpx
from listed import CardWriter as ListWriter
from listed import redis_of

from serving.endpoint import read_notes
from serving.endpoint.config import EndpointConfig
from serving.endpoint.marks import UserMarks
from serving.endpoint.read_notes import ReadNotes
from serving.keys import Keys
from serving.redis_address import RedisAddress
from serving.redis_link import RedisLink
from streams.contract.partitioning import partition_of

from .conftest import eventually, running
from .test_reads import LIST, put_user


async def noted(writer: ListWriter, partitions: int = 4) -> dict[str, int]:
    pages = [await writer.reader_marks(partition).noted_since(0, 100_000) for partition in range(partitions)]
    for partition, page in enumerate(pages):
        assert {partition_of(user_id.encode(), partitions) for user_id, _ in page} <= {partition}
    return dict(pair for page in pages for pair in page)


async def test_everybody_who_reads_a_list_is_noted(client: httpx.AsyncClient, writer: ListWriter) -> None:
    await put_user(writer, "known", "a")
    before_s = int(time.time())
    await client.get(LIST, params={"user_id": "known"})
    await client.get(LIST, params={"user_id": "ü new"})  # perhaps back after a long time: no list, but a row
    await client.get(f"{LIST}/homepage/home")
    await client.get(LIST, params={"user_id": "u", "limit": 0})
    await client.get("/api/v1/items/a/similar")
    await client.get("/api/v1/items/a/similar", params={"user_id": "near"})
    await client.get("/api/v1/users/begun/continue-watching")

    async def all_noted() -> bool:
        return set(await noted(writer)) == {"known", "ü new", "home", "near", "begun"}

    await eventually(all_noted)
    assert all(before_s <= second <= time.time() for second in (await noted(writer)).values())


async def test_a_reader_is_noted_again_only_after_a_while(valkey: Any, writer: ListWriter) -> None:
    link = RedisLink(RedisAddress.from_url(valkey.url), deadline_s=2)
    await link.start()
    notes = ReadNotes(link, writer.keys, UserMarks(4))
    later_s = 1_000 + read_notes.AGAIN_S
    for now_s, expected_s in (
        (1_000, 1_000),
        (1_001, 1_001),
        (1_002, 1_001),
        (later_s, 1_001),
        (later_s + 1, later_s + 1),
    ):
        notes.add("u")
        await notes.write(now_s)
        assert await noted(writer) == {"u": expected_s}
    for number in range(read_notes.MAX_WAITING + 5):
        notes.add(f"invented {number}")
    await notes.write(9_000)
    assert len(await noted(writer)) == 1 + read_notes.MAX_WAITING
    await link.close()


async def test_who_read_while_redis_was_away_is_noted_later(start_valkey: Callable[..., Any]) -> None:
    server = start_valkey()
    writer = ListWriter.connect(server.url, Keys("away", "v1"))
    async with running(EndpointConfig(server.url, "away", redis_deadline_ms=2000, refresh_ms=20)) as client:
        server.kill()
        assert (await client.get(LIST, params={"user_id": "u"})).status_code == 200
        server.start()

        async def noted_by_a_later_read() -> bool:
            await client.get(LIST, params={"user_id": "u"})
            return "u" in await noted(writer)

        await eventually(noted_by_a_later_read)
    await writer.close()


async def test_marks_are_looked_up_by_name_and_by_time_and_removed(writer: ListWriter) -> None:
    marks = writer.reader_marks(0)
    await redis_of(writer).zadd(writer.keys.readers(0), {"a": 10, "b": 20, "c": 30})
    assert await marks.noted_since(20, 5) == [("b", 20), ("c", 30)]
    assert await marks.noted_since(0, 2) == [("a", 10), ("b", 20)]
    assert await marks.who_read(["a", "b", "new"], 20) == {"b"}
    assert await marks.who_read([], 20) == set()
    await marks.remove(["c"], 29)  # decided before c read again
    assert await marks.noted_since(20, 5) == [("b", 20), ("c", 30)]
    await marks.remove(["c"], 30)
    await marks.remove([], 30)
    await marks.remove_before(20)
    assert await marks.noted_since(0, 5) == [("b", 20)]
