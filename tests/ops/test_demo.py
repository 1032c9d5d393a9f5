"""The demo as a process of its own, with real servers: what it says, what it survives and what it leaves behind."""

import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import orjson
import psutil
import pytest
import redis
from harness.patience import Patience, end_of
from kafka.admin import KafkaAdminClient

from ops.local_stack.stack import LocalStack

pytestmark = pytest.mark.stack

TIMEOUT_S = 150.0


class Demo:
    """One `freshet demo`, its output so far and every process it ever had."""

    def __init__(self, stack: LocalStack, folder: Path, *arguments: str) -> None:
        self.state_dir = folder / "state"
        self._output = folder / "output.txt"
        environment = {name: value for name, value in os.environ.items() if not name.startswith("FRESHET_")} | {
            "FRESHET_STATE_DIR": str(self.state_dir),
            "FRESHET_KAFKA_BOOTSTRAP": stack.bootstrap,
            "FRESHET_REDIS_URL": stack.redis_url,
        }
        with self._output.open("wb") as output:
            self.process = subprocess.Popen(
                [sys.executable, "-m", "ops.cli", "demo", *arguments],
                cwd=folder,
                env=environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        self._seen: dict[int, psutil.Process] = {}

    @property
    def text(self) -> str:
        """Everything printed so far."""
        return self._output.read_text()

    def descendants(self) -> list[psutil.Process]:
        """All processes below the demo now; remembers them."""
        try:
            found: list[psutil.Process] = psutil.Process(self.process.pid).children(recursive=True)
        except psutil.NoSuchProcess:
            return []
        self._seen |= {process.pid: process for process in found}
        return found

    def workers(self) -> list[psutil.Process]:
        """The worker processes now."""
        return [process for process in self.descendants() if _command(process)[-1:] == ["worker"]]

    def wait_for(self, pattern: str) -> None:
        """Returns when the pattern was printed."""
        patience = Patience(TIMEOUT_S)
        while not re.search(pattern, self.text, re.MULTILINE):
            assert self.process.poll() is None, self.text
            assert not patience.is_over, self.text
            self.descendants()
            time.sleep(0.05)

    def end(self) -> int:
        """The exit code, once it ended."""
        patience = Patience(TIMEOUT_S)
        while self.process.poll() is None:
            assert not patience.is_over, self.text
            self.descendants()
            time.sleep(0.05)
        return self.process.returncode

    def left_behind(self) -> list[psutil.Process]:
        """Processes of the demo that still run; a moment is allowed for the kernel to end what was killed."""
        running: list[psutil.Process] = psutil.wait_procs(list(self._seen.values()), timeout=60)[1]
        return running

    @property
    def processes_seen(self) -> int:
        """How many processes it ever had, as far as anybody looked."""
        return len(self._seen)


def _command(process: psutil.Process) -> list[str]:
    try:
        command: list[str] = process.cmdline()
    except psutil.NoSuchProcess:
        return []
    return command


def _names_left(stack: LocalStack) -> list[str]:
    """Topics, groups and keys of demo namespaces."""
    admin = KafkaAdminClient(bootstrap_servers=stack.bootstrap)
    try:
        names = [*admin.list_topics(), *(group["group_id"] for group in admin.list_groups())]
    finally:
        admin.close()
    with redis.Redis.from_url(stack.redis_url) as client:
        names += [key.decode() for key in client.scan_iter(match="demo-*")]
    return [name for name in names if name.startswith("demo-")]


@pytest.fixture
def demos() -> Iterator[list[Demo]]:
    """Demos that a failing test did not end."""
    started: list[Demo] = []
    yield started
    for demo in started:
        if demo.process.poll() is None:
            demo.process.terminate()
            end_of(demo.process, TIMEOUT_S)


def start(demos: list[Demo], stack: LocalStack, folder: Path, *arguments: str) -> Demo:
    demo = Demo(stack, folder, *arguments)
    demos.append(demo)
    return demo


def test_every_event_is_accounted_for_though_a_worker_is_killed(
    stack: LocalStack, tmp_path: Path, demos: list[Demo]
) -> None:
    demo = start(demos, stack, tmp_path, "--seconds", "8", "--json")
    demo.wait_for("^until first list")
    victim, other = demo.workers()
    victim.kill()

    assert demo.end() == 0, demo.text
    result: dict[str, Any] = orjson.loads(demo.text.splitlines()[-1])
    assert f"(pid {victim.pid}) was ended by SIGKILL; started again" in demo.text
    assert f"(pid {other.pid})" not in demo.text
    assert result["published"] == result["folded"] + result["duplicates"] + result["dead_letters"]
    assert result["unaccounted"] == 0
    assert min(result[name] for name in ("folded", "duplicates", "dead_letters", "lists_written", "users")) > 0
    assert 0 < result["freshness_ms"]["p50"] <= result["freshness_ms"]["p99"]
    assert {"download", "start", "topics", "workers", "first_list"} <= result["phases_s"].keys()
    assert "\x1b" not in demo.text
    assert "What they are shown now (" in demo.text  # personal or popular: that depends on what was learned by then
    assert_nothing_left(demo, stack)


@pytest.mark.parametrize("phase", ["^start", "^topics", "^until first list"])
def test_ctrl_c_leaves_nothing_behind_in_any_phase(
    phase: str, stack: LocalStack, tmp_path: Path, demos: list[Demo]
) -> None:
    demo = start(demos, stack, tmp_path)
    demo.wait_for(phase)
    demo.process.send_signal(signal.SIGINT)

    assert demo.end() == 130, demo.text
    assert "\nSIGINT: everything" in demo.text
    assert_nothing_left(demo, stack)


def test_servers_that_it_started_are_stopped_by_ctrl_c_while_they_start(
    own_stack: LocalStack, tmp_path: Path, demos: list[Demo]
) -> None:
    demo = start(demos, own_stack, tmp_path)
    pid_file = demo.state_dir / "kafka" / "process.json"
    patience = Patience(TIMEOUT_S)
    while not pid_file.exists():
        assert demo.process.poll() is None, demo.text
        assert not patience.is_over
    demo.descendants()
    demo.process.send_signal(signal.SIGTERM)

    assert demo.end() == 130, demo.text
    assert demo.processes_seen >= 2, "Valkey and Kafka"
    assert demo.left_behind() == []


def test_data_that_is_missing_is_a_wrong_use(stack: LocalStack, tmp_path: Path, demos: list[Demo]) -> None:
    demo = start(demos, stack, tmp_path, "--data", str(tmp_path))
    assert demo.end() == 2
    assert "no MovieLens 100K" in demo.text


def assert_nothing_left(demo: Demo, stack: LocalStack) -> None:
    assert demo.left_behind() == []
    assert _names_left(stack) == []
    assert all(server.answers for server in stack.status()), "servers of others are left running"
    assert list((demo.state_dir / "demo").glob("*")) == [], "nor a folder of logs"
    assert not (demo.state_dir / "endpoint-metrics").exists()
