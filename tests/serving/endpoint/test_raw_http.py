"""Hostile conversations over real sockets: never a 5xx, never a process that ends, never a wrong answer."""

from __future__ import annotations

import asyncio
import os
import re
from collections import Counter
from random import Random
from typing import Any

import httpx
import psutil
from harness.patience import within

from serving.redis_writer import ListWriter

from .raw_requests import conversation
from .test_process import ended
from .test_reads import LIST, ids, put_user

CONVERSATIONS = int(os.environ.get("FUZZ_CONVERSATIONS", "3000"))
AT_A_TIME = 600  # most of a conversation's time is the server's patience with what never becomes whole
STATUS = re.compile(rb"^HTTP/1\.[01] (\d{3}) ", re.MULTILINE)
# 1xx: what HTTP itself says on the way.
ALLOWED = {b"100", b"200", b"204", b"304", b"400", b"404", b"405", b"414", b"431", b"505"}


async def talk(port: int, seed: int, turns: asyncio.Semaphore) -> tuple[int, bytes]:
    """One conversation; what was said. The server must end it by itself, whatever was sent."""
    async with turns:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        said = asyncio.create_task(ended(reader))
        for piece in conversation(Random(seed)):
            writer.write(piece)
            await asyncio.sleep(0)
        answer = await within(30, said)
        writer.transport.abort()
        return seed, answer


async def test_no_conversation_breaks_the_endpoint(serve: Any, namespace: str, writer: ListWriter) -> None:
    for number in range(9):
        await put_user(writer, f"u{number}", f"of u{number}")
    address = serve(namespace)
    server = psutil.Process(serve.processes[0].pid)
    before = {child.pid for child in server.children()}
    port = int(address.rpartition(":")[2])
    statuses: Counter[bytes] = Counter()
    turns = asyncio.Semaphore(AT_A_TIME)
    for seed, said in await asyncio.gather(*[talk(port, seed, turns) for seed in range(CONVERSATIONS)]):
        found = STATUS.findall(said)
        assert set(found) <= ALLOWED, (seed, said[:500])
        statuses.update(found)
    assert {child.pid for child in server.children()} == before, "a process ended and was replaced"
    assert min(statuses[status] for status in (b"200", b"400", b"404", b"405", b"414", b"431")) > 10, statuses
    async with httpx.AsyncClient(base_url=address) as client:
        for number in range(9):
            body = (await client.get(LIST, params={"user_id": f"u{number}"})).json()
            assert ids(body["recommendations"]) == [f"of u{number}"]
        page = (await client.get("/metrics")).text
    assert not re.search(r'status="50[02-9]"', page)
