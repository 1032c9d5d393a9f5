"""An endpoint in this process, over a real Valkey."""

from __future__ import annotations

import asyncio
import os
import subprocess
import sys
import time
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator
from contextlib import asynccontextmanager
from pathlib import Path
from time import sleep
from typing import Any

import httpx
import pytest
from harness.endpoint import started
from harness.patience import Patience, end_of
from listed import CardStamp, Entry, item_fragment, list_stamp

from serving.eligibility import facts_of
from serving.endpoint.app import Endpoint
from serving.endpoint.config import EndpointConfig

from ..conftest import free_port

TTL_S = 60
REPOSITORY = Path(__file__).parents[3]
NOW_MS = time.time_ns() // 1_000_000


def fragments(*item_ids: str) -> list[Entry]:
    return [item_fragment(i, f"Title {i}", 1 - n / 1000, "Because", "because") for n, i in enumerate(item_ids)]


def for_everybody(listed: list[Entry]) -> tuple[list[Entry], list[bytes]]:
    """Fragments and their facts: anybody may be shown them."""
    return listed, [facts_of(0)] * len(listed)


def stamp(source: str = "personal", version: str = "v1", *, age_s: int = 0, lives_s: int = 900) -> CardStamp:
    made_ms = time.time_ns() // 1_000_000 - age_s * 1000  # now: NOW_MS is as old as the run, which may be long
    return list_stamp(version, source, 0, made_ms, made_ms + lives_s * 1000)


@asynccontextmanager
async def running(config: EndpointConfig) -> AsyncIterator[httpx.AsyncClient]:
    """The endpoint between its start-up and shutdown events."""
    async with started(Endpoint(config)) as (client, _):
        yield client


@pytest.fixture
def config(valkey: Any, namespace: str) -> EndpointConfig:
    # A deadline for machines that are busy with other tests; the invariant of the deadline has its own tests.
    return EndpointConfig(valkey.url, namespace, redis_deadline_ms=2000, refresh_ms=20)


@pytest.fixture
async def client(config: EndpointConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with running(config) as client:
        yield client


async def eventually(check: Callable[[], Awaitable[bool]], within_s: float = 10) -> None:
    """Waits until the check holds."""
    async with asyncio.timeout(within_s):
        while not await check():  # noqa: ASYNC110  # what is waited for happens in Redis
            await asyncio.sleep(0.01)


class Serve:
    """Starts `freshet serve` processes."""

    def __init__(self, redis_url: str, state: Path) -> None:
        self.processes: list[subprocess.Popen[bytes]] = []
        self._redis_url = redis_url
        self._state = state

    def __call__(self, namespace: str, **more: str) -> str:
        """Starts one with more settings, waits until it answers, and gives its address."""
        port = free_port()
        settings = {
            "FRESHET_REDIS_URL": self._redis_url,
            "FRESHET_NAMESPACE": namespace,
            "FRESHET_ENDPOINT_PORT": str(port),
            "FRESHET_ENDPOINT_PUBLISH_SHARE": "0",
            "FRESHET_STATE_DIR": str(self._state),
            **more,
        }
        command = [sys.executable, "-m", "ops.cli", "serve"]
        self.processes.append(subprocess.Popen(command, cwd=REPOSITORY, env={**os.environ, **settings}))
        address = f"http://127.0.0.1:{port}"
        patience = Patience(30)
        while True:
            try:
                httpx.get(f"{address}/healthz").raise_for_status()
            except httpx.TransportError:
                assert not patience.is_over
                sleep(0.05)
            else:
                return address


@pytest.fixture
def serve(tmp_path: Path, valkey: Any) -> Iterator[Serve]:
    """Starts `freshet serve`; what it started ends with the test, and in order."""
    serve = Serve(valkey.url, tmp_path)
    yield serve
    for process in serve.processes:
        if process.poll() is None:
            process.terminate()
        assert end_of(process, 20) == 0
