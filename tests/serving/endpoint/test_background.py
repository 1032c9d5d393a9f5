"""What runs beside the requests: it fails, and is said, counted and begun again, in a real process where it can be."""

from __future__ import annotations

import json
import os
import re
import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import httpx
import pytest
from listed import withdraw

from serving.endpoint.config import EndpointConfig
from serving.endpoint.line_log import LineLog
from serving.endpoint.shared_lists import SharedListCache
from serving.redis_link import RedisLink
from serving.redis_writer import ListWriter

from .conftest import eventually, running
from .test_reads import LIST, put_popular, put_user


async def restarts(client: httpx.AsyncClient, task: str) -> float:
    page = (await client.get("/metrics")).text
    found = re.search(rf'freshet_endpoint_task_restarts_total{{task="{task}"}} (\S+)', page)
    return float(found[1]) if found else 0.0


async def test_figures_that_cannot_be_shared_do_not_keep_withdrawn_items_in_lists(
    serve: Any, namespace: str, tmp_path: Path, writer: ListWriter
) -> None:
    """The folder of figures goes away under a real process: everything else goes on, and /readyz says what does not."""
    folder = tmp_path / "figures"
    folder.mkdir()
    await put_popular(writer, "p")
    await put_user(writer, "u", "a", "b")
    address = serve(namespace, FRESHET_ENDPOINT_METRICS_DIR=str(folder))
    async with httpx.AsyncClient(base_url=address) as client:

        async def failing() -> bool:
            return "metrics" in (await client.get("/readyz")).json().get("failing", {})

        async def hidden() -> bool:
            answer = (await client.get(LIST, params={"user_id": "u"})).json()
            return [item["item_id"] for item in answer["recommendations"]] == ["b"]

        async def well() -> bool:
            return not await failing()

        await eventually(well)
        for file in folder.iterdir():
            file.unlink()
        folder.rmdir()
        folder.write_text("no folder any more")
        await eventually(failing, within_s=30)
        await withdraw(writer, "a")
        await eventually(hidden, within_s=30)
        ready = await client.get("/readyz")
        assert ready.status_code == 200
        assert "NotADirectoryError" in ready.json()["failing"]["metrics"]
        folder.unlink()
        folder.mkdir()
        await eventually(well, within_s=60)
        assert await restarts(client, "metrics") >= 1


async def test_a_refresher_that_fails_makes_the_process_unready_until_it_works_again(
    config: EndpointConfig, monkeypatch: pytest.MonkeyPatch, writer: ListWriter
) -> None:
    await put_popular(writer, "p")
    refresh = SharedListCache.refresh

    async def fail(*_: Any) -> None:
        raise RecursionError("what nobody thought of")

    monkeypatch.setattr("serving.supervisor.CALM_S", 0.2)
    async with running(config) as client:
        assert (await client.get("/readyz")).status_code == 200
        monkeypatch.setattr(SharedListCache, "refresh", fail)

        async def unready() -> bool:
            answer = await client.get("/readyz")
            return answer.status_code == 503 and "what nobody thought of" in answer.json()["detail"]

        async def ready() -> bool:
            return (await client.get("/readyz")).status_code == 200

        await eventually(unready)
        monkeypatch.setattr(SharedListCache, "refresh", refresh)
        await eventually(ready)
        assert await restarts(client, "refresher") >= 1


async def test_a_failing_refresh_does_not_end_the_start(
    config: EndpointConfig, monkeypatch: pytest.MonkeyPatch
) -> None:
    async def fail(*_: Any) -> None:
        raise RecursionError("from the beginning")

    monkeypatch.setattr(SharedListCache, "refresh", fail)
    async with running(config) as client:
        assert (await client.get("/readyz")).status_code == 503
        assert (await client.get(LIST, params={"user_id": "u"})).status_code == 200


async def test_a_link_that_meets_nonsense_connects_again(
    config: EndpointConfig, monkeypatch: pytest.MonkeyPatch, writer: ListWriter
) -> None:
    await put_user(writer, "u", "a")
    connect, failures = RedisLink._connect, iter([ValueError("no reply of Redis")])

    async def connected(link: RedisLink) -> Any:
        for failure in failures:
            raise failure
        return await connect(link)

    monkeypatch.setattr(RedisLink, "_connect", connected)
    async with running(config) as client:

        async def personal() -> bool:
            return (await client.get(LIST, params={"user_id": "u"})).json()["source"] == "personal"

        await eventually(personal)
        assert await restarts(client, "redis link") == 1


async def test_lines_wait_for_a_full_disk_and_are_counted_when_it_stays_full() -> None:
    full = os.open("/dev/full", os.O_WRONLY)
    log = LineLog(full)
    log.start()
    log.add({"n": 1})

    async def has_failed() -> bool:
        return "No space left" in log._supervisor.failing.get("line log", "")

    await eventually(has_failed)
    assert log.dropped == 0  # it is tried again
    log.add({"n": 2})
    await log.close()
    os.close(full)
    assert log.dropped == 2


async def test_a_pipe_that_takes_nothing_for_a_while_loses_no_line(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("serving.endpoint.line_log.TAKES_NOTHING_S", 0.05)
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    log = LineLog(writing)
    log.start()
    count = 5_000  # more than a pipe holds
    for number in range(count):
        log.add({"n": number, "text": "x" * 50})

    async def is_stuck() -> bool:
        return "BlockingIOError" in log._supervisor.failing.get("line log", "")

    await eventually(is_stuck)
    os.set_blocking(reading, False)
    got = b""

    async def all_read() -> bool:
        nonlocal got
        try:
            while data := os.read(reading, 1 << 16):
                got += data
        except BlockingIOError:
            pass
        return got.count(b"\n") == count

    await eventually(all_read, within_s=60)
    await log.close()
    os.close(writing)
    os.close(reading)
    assert [json.loads(line)["n"] for line in got.splitlines()] == list(range(count))
    assert log.dropped == 0


async def test_an_audit_that_cannot_be_written_is_named_and_nothing_else_suffers(
    serve: Callable[..., str], namespace: str, writer: ListWriter, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A real process whose standard output is a full disk."""
    await put_popular(writer, "p")
    start, full = subprocess.Popen, os.open("/dev/full", os.O_WRONLY)
    monkeypatch.setattr(subprocess, "Popen", lambda *given, **more: start(*given, **more, stdout=full))
    address = serve(namespace, FRESHET_ENDPOINT_ACCESS_LOG_SHARE="1")
    os.close(full)
    async with httpx.AsyncClient(base_url=address) as client:

        async def named() -> bool:
            assert (await client.get(LIST, params={"user_id": "u"})).status_code == 200
            return "No space left" in (await client.get("/readyz")).json().get("failing", {}).get("line log", "")

        await eventually(named, within_s=30)
        assert await restarts(client, "line log") >= 1
