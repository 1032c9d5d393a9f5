"""The demo's processes: started again when they end unasked, and all gone after `stop`."""

import os
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path

import psutil
import pytest
from harness.patience import Patience

from ops.processes import supervisor as supervisor_module
from ops.processes.errors import ProcessFailed
from ops.processes.supervisor import MAX_RESTARTS, Child, ProcessSupervisor

SLEEP = [sys.executable, "-c", "import time; time.sleep(60)"]
STUBBORN = "import signal, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
PARENT = "import subprocess, sys, time; print(subprocess.Popen(['sleep', '60']).pid, flush=True); time.sleep(60)"
SUPERVISES = """
import os, sys, time
from pathlib import Path
from ops.processes.supervisor import ProcessSupervisor
supervisor = ProcessSupervisor(print)
for number in range(2):
    supervisor.start("child", [sys.executable, "-c", sys.argv[1]], dict(os.environ), Path(f"{number}.log"))
first = supervisor._children[0]
first.process.kill()
first.process.wait()
supervisor.check()
print(*(child.pid for child in supervisor._children), flush=True)
time.sleep(60)
"""
TIMEOUT_S = 30


@pytest.fixture
def notices() -> list[str]:
    return []


@pytest.fixture
def supervisor(notices: list[str]) -> Iterator[ProcessSupervisor]:
    supervisor = ProcessSupervisor(notices.append)
    yield supervisor
    supervisor.stop()


def start(supervisor: ProcessSupervisor, folder: Path, *command: str) -> Child:
    return supervisor.start("child", command, dict(os.environ), folder / "child.log")


def output_of(child: Child) -> str:
    patience = Patience(TIMEOUT_S)
    while not child.log_path.read_text().endswith("\n"):
        assert not patience.is_over
    return child.log_path.read_text()


def assert_gone(pid: int) -> None:
    """Gone, or a zombie that its new parent has not collected; a signal takes a moment to end a process."""
    patience = Patience(TIMEOUT_S)
    while psutil.pid_exists(pid) and psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        assert not patience.is_over, f"{pid} still runs"


def test_a_child_that_is_killed_is_started_again_and_said_so(
    supervisor: ProcessSupervisor, notices: list[str], tmp_path: Path
) -> None:
    child = start(supervisor, tmp_path, *SLEEP)
    first_pid = child.pid
    supervisor.check()
    assert notices == []

    child.process.kill()
    child.process.wait(TIMEOUT_S)
    supervisor.check()

    assert child.pid != first_pid
    assert psutil.pid_exists(child.pid)
    assert notices == [f"child (pid {first_pid}) was ended by SIGKILL; started again as pid {child.pid}"]
    assert supervisor.restarts == 1


def test_a_child_that_always_ends_is_given_up_with_the_end_of_its_log(
    supervisor: ProcessSupervisor, tmp_path: Path
) -> None:
    child = start(supervisor, tmp_path, sys.executable, "-c", "print('no such topic'); raise SystemExit(70)")

    for _ in range(MAX_RESTARTS):
        child.process.wait()
        supervisor.check()
    child.process.wait()

    with pytest.raises(ProcessFailed, match=r"(?s)last exited with code 70; .*no such topic"):
        supervisor.check()


def test_kills_that_were_asked_for_are_not_held_against_a_child(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    child = start(supervisor, tmp_path, *SLEEP)
    for _ in range(MAX_RESTARTS + 2):
        killed = supervisor.kill("child")
        child.process.wait(TIMEOUT_S)
        supervisor.check()
        assert child.pid != killed
    assert supervisor.restarts == MAX_RESTARTS + 2


def test_it_is_over_when_a_child_ends_well(supervisor: ProcessSupervisor, tmp_path: Path) -> None:
    start(supervisor, tmp_path, *SLEEP)
    failed = start(supervisor, tmp_path, sys.executable, "-c", "raise SystemExit(2)")
    failed.process.wait(TIMEOUT_S)
    assert not supervisor.is_over
    start(supervisor, tmp_path, sys.executable, "-c", "pass").process.wait(TIMEOUT_S)
    assert supervisor.is_over


def test_stop_ends_every_child_and_what_it_left_behind(tmp_path: Path) -> None:
    supervisor = ProcessSupervisor(print)
    child = start(supervisor, tmp_path, sys.executable, "-c", PARENT)
    grandchild_pid = int(output_of(child))
    pid = child.pid

    supervisor.stop()

    assert_gone(pid)
    assert_gone(grandchild_pid)


def test_when_the_supervisor_is_killed_its_children_and_theirs_are_killed_too(tmp_path: Path) -> None:
    command = [sys.executable, "-c", SUPERVISES, PARENT]
    with subprocess.Popen(command, cwd=tmp_path, stdout=subprocess.PIPE, text=True) as supervising:
        assert supervising.stdout is not None
        notice, pids = supervising.stdout.readline(), supervising.stdout.readline().split()
        assert "started again" in notice
        grandchildren = [_last_number(tmp_path / f"{number}.log") for number in range(2)]
        supervising.kill()
        for pid in (*map(int, pids), *grandchildren):
            assert_gone(pid)


def _last_number(path: Path) -> int:
    """The pid that the latest process printed to the log; there may be an older one above it."""
    patience = Patience(TIMEOUT_S)
    while not path.read_text().endswith("\n"):
        assert not patience.is_over
    return int(path.read_text().split()[-1])


def test_nobody_is_left_after_stop(tmp_path: Path) -> None:
    before = {process.pid for process in psutil.Process().children(recursive=True)}
    supervisor = ProcessSupervisor(print)
    start(supervisor, tmp_path, *SLEEP)
    supervisor.stop()
    assert {process.pid for process in psutil.Process().children(recursive=True)} == before


def test_what_does_not_end_is_killed_and_said_so(
    tmp_path: Path, notices: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(supervisor_module, "STOP_GRACE_S", 0.1)
    supervisor = ProcessSupervisor(notices.append)
    child = start(supervisor, tmp_path, sys.executable, "-c", STUBBORN)
    output_of(child)

    supervisor.stop()

    assert_gone(child.pid)
    assert "did not end within 0.1 s and is killed" in notices[0]
