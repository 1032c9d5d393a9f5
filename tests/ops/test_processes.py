"""Processes that outlive their command: only what we started is ever signalled."""

import os
import signal
import subprocess
import sys
from pathlib import Path

import msgspec
import psutil
import pytest

from ops.local_stack.java import find_java, java_version
from ops.local_stack.process import Ended, OwnedProcess, ProcessRecord

STUBBORN = (
    "import signal, sys, time; signal.signal(signal.SIGTERM, signal.SIG_IGN); print('up', flush=True); time.sleep(60)"
)


def owned(folder: Path) -> OwnedProcess:
    return OwnedProcess(folder / "process.json", folder / "process.log")


def test_a_process_is_found_again_and_stopped_by_another_object(tmp_path: Path) -> None:
    owned(tmp_path).start(["sleep", "60"], tmp_path)

    found = owned(tmp_path)

    assert found.pid() is not None
    assert found.stop(grace_s=10) is Ended.STOPPED
    assert found.pid() is None
    assert found.stop(grace_s=10) is Ended.NOT_RUNNING


def test_a_stranger_that_inherited_the_pid_is_left_alone(tmp_path: Path) -> None:
    stranger = subprocess.Popen(["sleep", "60"])
    try:
        created_at_s = psutil.Process(stranger.pid).create_time()
        record = ProcessRecord(stranger.pid, created_at_s - 3600)
        (tmp_path / "process.json").write_bytes(msgspec.json.encode(record))

        assert owned(tmp_path).pid() is None
        assert owned(tmp_path).stop(grace_s=1) is Ended.NOT_RUNNING
        assert owned(tmp_path).kill() is Ended.NOT_RUNNING
        assert stranger.poll() is None
    finally:
        stranger.kill()
        stranger.wait()


def test_a_process_that_does_not_end_is_killed_with_a_warning(tmp_path: Path, caplog: pytest.LogCaptureFixture) -> None:
    process = owned(tmp_path)
    process.start([sys.executable, "-c", STUBBORN], tmp_path)
    while "up" not in process.last_output():
        assert process.pid() is not None

    assert process.stop(grace_s=0.2) is Ended.KILLED
    assert "did not end within 0.2 s" in caplog.text


def test_a_process_that_died_is_not_running(tmp_path: Path) -> None:
    process = owned(tmp_path)
    process.start(["sleep", "60"], tmp_path)
    pid = process.pid()
    assert pid is not None

    os.kill(pid, signal.SIGKILL)
    while psutil.Process(pid).status() != psutil.STATUS_ZOMBIE:
        pass

    assert process.pid() is None
    assert process.stop(grace_s=1) is Ended.NOT_RUNNING


def test_the_log_of_the_run_before_is_kept(tmp_path: Path) -> None:
    process = owned(tmp_path)
    for word in ("first", "second"):
        process.start(["echo", word], tmp_path)
        while word not in process.last_output():
            pass
        process.stop(grace_s=1)

    assert process.last_output() == "second"
    assert process.log_path.with_name("process.log.1").read_text() == "first\n"


@pytest.mark.parametrize(
    ("said", "version"),
    [
        ('openjdk version "17.0.15" 2025-04-15', 17),
        ('java version "1.8.0_392"', 8),
        ('openjdk version "25" 2025-09-16', 25),
        ("no such thing", None),
    ],
)
def test_the_version_of_a_java_is_what_it_says(tmp_path: Path, said: str, version: int | None) -> None:
    java = tmp_path / "java"
    java.write_text(f"#!/bin/sh\necho '{said}' >&2\n")
    java.chmod(0o755)

    assert java_version(java) == version


def test_a_java_that_is_too_old_or_broken_is_passed_over(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    (tmp_path / "bin").mkdir()
    java = tmp_path / "bin" / "java"
    java.write_text("#!/bin/sh\necho 'openjdk version \"11.0.2\"' >&2\n")
    java.chmod(0o755)
    monkeypatch.setenv("JAVA_HOME", str(tmp_path))
    monkeypatch.setenv("PATH", str(tmp_path / "nothing"))

    found = find_java()

    assert found != java
    assert (java_version(found) or 0) >= 17
