"""The server process: what it refuses, how it bounds its clients, how it ends."""

from __future__ import annotations

import asyncio
import json
import os
import sys
from contextlib import nullcontext, suppress
from pathlib import Path
from types import SimpleNamespace
from typing import Any

import httpx
import psutil
import pytest
from harness import patience

from ops.configuration.settings import Settings
from ops.processes import endpoint_process

from .conftest import REPOSITORY, eventually
from .test_reads import LIST


def test_an_open_address_needs_tokens(tmp_path: Path) -> None:
    settings = {"FRESHET_ENDPOINT_HOST": "0.0.0.0", "FRESHET_STATE_DIR": str(tmp_path)}
    command = [sys.executable, "-m", "ops.cli", "serve"]
    done = patience.run(command, cwd=REPOSITORY, env={**os.environ, **settings}, limit_s=60)
    assert done.returncode == 2
    assert "FRESHET_ENDPOINT_JWT_KEY_FILE" in done.stderr


@pytest.mark.parametrize(
    ("host", "loud"), [("0.0.0.0", True), ("shop.example", True), ("127.0.0.1", False), ("::1", False)]
)
def test_an_open_address_without_tokens_is_called_out(
    host: str, loud: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    monkeypatch.setattr(endpoint_process, "Server", lambda *_, **__: SimpleNamespace(serve=lambda: None))
    monkeypatch.setattr(endpoint_process, "address_of", lambda name: {"shop.example": "192.0.2.1"}.get(name, name))
    monkeypatch.setattr(endpoint_process, "sole_listener", lambda *_: nullcontext())
    monkeypatch.setenv("FRESHET_ENDPOINT_HOST", host)  # the workers are told what the name means
    monkeypatch.setenv("FRESHET_ENDPOINT_METRICS_DIR", str(tmp_path))
    settings = Settings(
        endpoint_host=host, endpoint_security="off", state_dir=tmp_path, redis_url="redis://127.0.0.1:1/0"
    )
    endpoint_process.run(settings)
    assert (f"anybody who reaches {host}" in capsys.readouterr().err) == loud


async def test_a_host_name_is_served_on(serve: Any, namespace: str) -> None:
    address = serve(namespace, FRESHET_ENDPOINT_HOST="localhost").replace("127.0.0.1", "localhost")
    async with httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/healthz")).json() == {"status": "ok"}


async def test_a_second_endpoint_on_the_port_does_not_share_its_reads(
    serve: Any, namespace: str, tmp_path: Path, valkey: Any
) -> None:
    address = serve(namespace)
    port = address.rpartition(":")[2]
    settings = {
        "FRESHET_NAMESPACE": "another",
        "FRESHET_ENDPOINT_PORT": port,
        "FRESHET_REDIS_URL": valkey.url,
        "FRESHET_STATE_DIR": str(tmp_path / "another"),
    }
    command = [sys.executable, "-m", "ops.cli", "serve"]
    second = await asyncio.to_thread(patience.run, command, cwd=REPOSITORY, env={**os.environ, **settings}, limit_s=60)
    assert second.returncode == 2
    assert f"FRESHET_ENDPOINT_PORT={port} is taken" in second.stderr
    async with httpx.AsyncClient(base_url=address) as client:
        assert (await client.get("/healthz")).status_code == 200


HEALTH = b"GET /healthz HTTP/1.1\r\nHost: x\r\nConnection: close\r\n\r\n"


async def ended(reader: asyncio.StreamReader) -> bytes:
    """What the server says until it ends the connection, in whatever way."""
    said = b""
    with suppress(ConnectionError):
        while data := await reader.read(65536):
            said += data
    return said


async def pour(port: int, head: bytes, piece: bytes, pause_s: float = 0) -> tuple[bytes, int]:
    """Sends a head, then the same piece until the server ends it; what it said, and how many bytes it let in."""
    reader, writer = await asyncio.open_connection("127.0.0.1", port)
    answer = asyncio.create_task(ended(reader))
    writer.write(head)
    poured = 0
    with suppress(ConnectionError):
        while not answer.done():
            writer.write(piece)
            await writer.drain()
            poured += len(piece)
            await asyncio.sleep(pause_s)
    writer.transport.abort()
    return await answer, poured


async def test_clients_that_never_come_to_an_end_are_cut_off(serve: Any, namespace: str) -> None:
    port = int(serve(namespace).rpartition(":")[2])
    line, many = b"GET /healthz HTTP/1.1\r\n", b"x" * 65536
    chunk = b"10000\r\n" + many + b"\r\n"
    async with asyncio.timeout(60):
        (drip, _), (head, in_head), (path, in_path), (body, in_body), (chunks, in_chunks) = await asyncio.gather(
            pour(port, line + b"Host: ", b"x", pause_s=0.2),
            pour(port, line + b"x-big: ", many),
            pour(port, b"GET /", many),
            pour(port, line + b"Host: x\r\nContent-Length: 1000000000000\r\n\r\n", many),
            pour(port, b"POST /healthz HTTP/1.1\r\nHost: x\r\nTransfer-Encoding: chunked\r\n\r\n", chunk),
        )
    for never_whole in (drip, head, path):
        assert b" 200 " not in never_whole
    assert body.startswith(b"HTTP/1.1 200 ") or not body  # answered without its body, then reset
    assert chunks.startswith(b"HTTP/1.1 405 ") or not chunks
    kernel_bytes = 20_000_000  # what sockets of both sides may hold
    assert max(in_head, in_path, in_body, in_chunks) < kernel_bytes


async def test_idle_connections_hold_others_up_for_a_bounded_time(serve: Any, namespace: str) -> None:
    limit = 16
    port = int(serve(namespace, FRESHET_ENDPOINT_MAX_CONNECTIONS=str(limit)).rpartition(":")[2])
    silent = [await asyncio.open_connection("127.0.0.1", port) for _ in range(limit)]
    async with asyncio.timeout(60):
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEALTH)
        answer = asyncio.create_task(ended(reader))
        ends = [asyncio.create_task(ended(idle)) for idle, _ in silent]
        await asyncio.wait([answer, *ends], return_when=asyncio.FIRST_COMPLETED)
        assert any(end.done() for end in ends), "a connection beyond the limit was served beside the others"
        assert (await answer).startswith(b"HTTP/1.1 200 ")
        assert await asyncio.gather(*ends) == [b""] * limit


async def test_more_clients_than_the_limit_all_get_their_answers(serve: Any, namespace: str) -> None:
    port = int(serve(namespace, FRESHET_ENDPOINT_MAX_CONNECTIONS="16").rpartition(":")[2])

    async def ask(_: int) -> bytes:
        reader, writer = await asyncio.open_connection("127.0.0.1", port)
        writer.write(HEALTH)
        return (await ended(reader))[:13]

    async with asyncio.timeout(60):
        assert set(await asyncio.gather(*map(ask, range(300)))) == {b"HTTP/1.1 200 "}


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


async def test_a_killed_worker_is_replaced_and_what_it_counted_stays(
    serve: Any, namespace: str, tmp_path: Path
) -> None:
    address = serve(namespace, FRESHET_ENDPOINT_WORKERS="2")
    parent = tmp_path / "endpoint-metrics" / address.rpartition(":")[2]
    (folder,) = (path for path in parent.iterdir() if path.is_dir())
    asked = 0

    def counted() -> dict[int, float]:
        files = {int(file.stem.partition("-")[0]): json.loads(file.read_bytes()) for file in folder.glob("*.json")}
        return {pid: sum(found["counts"].get("recommendations 200", [0])[:-1]) for pid, found in files.items()}

    async def both_have_answered() -> bool:
        nonlocal asked
        async with httpx.AsyncClient(base_url=address) as client:  # a new connection, which either of them may take
            asked += (await client.get(LIST, params={"user_id": "u"})).status_code == 200
        return len(counted()) == 2 and all(counted().values())

    async def all_is_counted() -> bool:
        return sum(counted().values()) == asked

    async def replaced() -> bool:
        return len(counted()) == 3

    await eventually(both_have_answered, within_s=30)
    await eventually(all_is_counted)
    killed = psutil.Process(max(counted()))
    killed.kill()
    await eventually(replaced, within_s=30)
    async with httpx.AsyncClient(base_url=address) as client:
        page = (await client.get("/metrics")).text
    assert f'freshet_endpoint_requests_total{{route="recommendations",status="200"}} {asked}.0' in page
