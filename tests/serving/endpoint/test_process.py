"""The server process: what it refuses, how it bounds its clients, how it ends."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import httpx

from .conftest import REPOSITORY
from .test_reads import LIST


def test_an_open_address_needs_tokens(tmp_path: Path) -> None:
    settings = {"FRESHET_ENDPOINT_HOST": "0.0.0.0", "FRESHET_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "ops.cli", "serve"]
    done = subprocess.run(
        command, cwd=REPOSITORY, env={**os.environ, **settings}, capture_output=True, text=True, timeout=60
    )
    assert done.returncode == 2
    assert "FRESHET_ENDPOINT_JWT_KEY_FILE" in done.stderr


async def test_a_slow_client_is_cut_off_and_a_huge_head_refused(serve: Any, namespace: str) -> None:
    port = int(serve(namespace).rpartition(":")[2])
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\n")
    await writer.drain()
    async with asyncio.timeout(20):
        assert b" 200 " not in await reader.read()  # ends by itself
    writer.close()
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    writer.write(b"GET /healthz HTTP/1.1\r\nHost: x\r\nx-big: " + b"x" * 100_000 + b"\r\n\r\n")
    async with asyncio.timeout(20):
        assert b" 200 " not in await reader.read(100)
    writer.close()


async def test_a_stop_finishes_what_it_has_begun(serve: Any, namespace: str) -> None:
    address = serve(namespace)
    begun, stopping = asyncio.Event(), asyncio.Event()
    answers = 0

    async def reader() -> None:
        """Asks over one connection until an answer says that it is the last one."""
        nonlocal answers
        stream, writer = await asyncio.open_connection("127.0.0.1", int(address.rpartition(":")[2]))
        last = False
        while not last:
            writer.write(f"GET {LIST}?user_id=u HTTP/1.1\r\nHost: x\r\n\r\n".encode())
            try:
                head = await stream.readuntil(b"\r\n\r\n")
            except (asyncio.IncompleteReadError, ConnectionResetError) as error:
                # An idle connection may be closed while our next request is on its way: any client asks again. Half
                # an answer, or none before the stop, is a request that was dropped.
                half = getattr(error, "partial", b"")
                assert stopping.is_set()
                assert not half
                return
            assert head.startswith(b"HTTP/1.1 200 ")
            await stream.readexactly(int(head.split(b"content-length: ")[1].split(b"\r\n")[0]))
            last = b"connection: close" in head
            answers += 1
            if answers > 100:
                begun.set()
        writer.close()

    async with asyncio.timeout(60), asyncio.TaskGroup() as readers:
        for _ in range(8):
            readers.create_task(reader())
        await begun.wait()
        stopping.set()
        serve.processes[0].terminate()
    assert await asyncio.to_thread(serve.processes[0].wait, 20) == 0


async def test_a_killed_worker_is_replaced(serve: Any, namespace: str) -> None:
    import psutil

    address = serve(namespace)
    (worker,) = (
        child for child in psutil.Process(serve.processes[0].pid).children() if "ops.cli" in " ".join(child.cmdline())
    )
    worker.kill()
    worker.wait(timeout=10)
    async with asyncio.timeout(30), httpx.AsyncClient(base_url=address) as client:
        while True:
            try:
                assert (await client.get("/healthz")).status_code == 200
                break
            except httpx.TransportError:
                await asyncio.sleep(0.05)
