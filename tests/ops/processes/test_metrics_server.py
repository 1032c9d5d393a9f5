"""Metrics and probes of a process: who does not turn is not alive, and who cannot listen says so in a sentence."""

import asyncio
import socket
import subprocess
import threading
import urllib.error
import urllib.request
from collections.abc import Iterator
from contextlib import closing

import pytest
from harness.processes import FRESHET

from ops.configuration.settings import Settings
from ops.exit_codes import ExitCode
from ops.local_stack.ports import free_port
from ops.metrics_docs import metrics_page
from ops.processes import metrics_server as server_module
from ops.processes.child_settings import metrics_port_of
from ops.processes.listening import CannotListen
from ops.processes.metrics_server import metrics_server
from streams.metrics import ExportedMetric, MetricKind, Reading

LISTS = ExportedMetric("freshet_lists_kept", MetricKind.GAUGE, "Lists.")


class Process:
    """What is looked at."""

    why_stuck = why_unready = ""

    def readings(self) -> Iterator[Reading]:
        yield LISTS.of(3.0)

    def stuck(self) -> str:
        return self.why_stuck

    def unready(self) -> str:
        return self.why_unready


def _get(port: int, path: str) -> tuple[int, str]:
    try:
        with urllib.request.urlopen(f"http://127.0.0.1:{port}{path}", timeout=30) as answer:
            return answer.status, answer.read().decode()
    except urllib.error.HTTPError as error:
        return error.code, error.read().decode()


async def test_probes_say_what_the_process_says() -> None:
    port, process = free_port(), Process()
    with metrics_server(Settings(metrics_port=port), asyncio.get_running_loop()) as server:
        assert server is not None
        assert (await asyncio.to_thread(_get, port, "/healthz"))[0] == 200
        status, said = await asyncio.to_thread(_get, port, "/readyz")
        assert (status, "starting" in said) == (503, True)
        server.observe(process)
        assert await asyncio.to_thread(_get, port, "/readyz") == (200, '{"status": "ready"}')
        process.why_unready = "it restores"
        assert await asyncio.to_thread(_get, port, "/readyz") == (
            503,
            '{"status": "not ready", "reason": "it restores"}',
        )
        assert (await asyncio.to_thread(_get, port, "/healthz"))[0] == 200
        process.why_stuck = "it does not poll"
        status, said = await asyncio.to_thread(_get, port, "/healthz")
        assert (status, "it does not poll" in said) == (503, True)
        status, page = await asyncio.to_thread(_get, port, "/metrics")
        assert status == 200
        assert "freshet_lists_kept 3.0" in page
        assert "freshet_process_cpu_seconds_total" in page
        assert (await asyncio.to_thread(_get, port, "/other"))[0] == 404
    with closing(socket.socket()) as again:
        again.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        again.bind(("127.0.0.1", port))  # nobody listens any more


async def test_an_event_loop_that_does_not_turn_is_not_alive(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(server_module, "TURN_WITHIN_S", 0.2)
    port, answered, found = free_port(), threading.Event(), []

    def ask() -> None:
        found.extend(_get(port, path) for path in ("/healthz", "/readyz", "/metrics"))
        answered.set()

    with metrics_server(Settings(metrics_port=port), asyncio.get_running_loop()) as server:
        assert server is not None
        server.observe(Process())
        asking = threading.Thread(target=ask)
        asking.start()
        answered.wait()  # the loop does not turn meanwhile
        asking.join()
    assert [status for status, _ in found] == [503, 503, 503]
    assert all("has not turned" in said for _, said in found)


async def test_without_a_port_nobody_listens() -> None:
    with metrics_server(Settings(), asyncio.get_running_loop()) as server:
        assert server is None


async def test_a_port_that_is_taken_and_a_wrong_host_are_one_sentence() -> None:
    loop = asyncio.get_running_loop()
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = other.getsockname()[1]
        with pytest.raises(CannotListen, match=f"FRESHET_METRICS_PORT={port} is taken"):
            metrics_server(Settings(metrics_port=port), loop).__enter__()
    with pytest.raises(CannotListen, match=r"FRESHET_METRICS_HOST=no\.such\.host\.invalid"):
        metrics_server(Settings(metrics_port=port, metrics_host="no.such.host.invalid"), loop).__enter__()


def test_a_process_whose_port_is_taken_ends_with_the_code_of_settings() -> None:
    with closing(socket.socket()) as other:
        other.bind(("127.0.0.1", 0))
        other.listen()
        port = str(other.getsockname()[1])
        ended = subprocess.run(
            [str(FRESHET), "sink", "clickhouse"],
            env={"PATH": "/usr/bin:/bin", "HOME": "/tmp", "FRESHET_METRICS_PORT": port},
            capture_output=True,
            text=True,
            timeout=120,
            check=False,
        )
    assert ended.returncode == ExitCode.USAGE
    assert f"FRESHET_METRICS_PORT={port} is taken" in ended.stderr
    assert "Traceback" not in ended.stderr


def test_children_listen_behind_their_parent() -> None:
    assert [metrics_port_of(Settings(metrics_port=9400), number) for number in (1, 2)] == [9401, 9402]
    assert metrics_port_of(Settings(), 1) == 0


def test_the_page_of_metrics_is_generated_from_the_code() -> None:
    from pathlib import Path

    page = Path(__file__).parents[3] / "docs" / "metrics.md"
    assert page.read_text() == metrics_page(), "run `make docs`"
