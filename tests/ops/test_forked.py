"""What is forked is a process of its own, as if an interpreter had been started."""

import json
import os
import signal
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest
from harness.commands import run_freshet
from harness.forked import ForkedProcess, ForkServer
from harness.patience import end_of

from ops.exit_codes import ExitCode

SAYS = """
import json, os, sys, threading
said = {"pid": os.getpid(), "session": os.getsid(0), "group": os.getpgid(0), "folder": os.getcwd()}
said |= {"argv": sys.argv, "given": sys.stdin.read(), "environment": dict(os.environ), "name": __name__}
said |= {"threads": threading.active_count(), "open": sorted(os.listdir("/proc/self/fd")), "path": sys.path[0]}
print(json.dumps(said))
print("to the side", file=sys.stderr)
sys.exit(int(sys.argv[1]))
"""
STAYS = "import sys, time\nprint('here', flush=True)\ntime.sleep(600)\n"
RAISES = "raise ValueError('no')\n"


@pytest.fixture(scope="module")
def server() -> Iterator[ForkServer]:
    server = ForkServer()
    yield server
    server.end()


def start(server: ForkServer, folder: Path, text: str, *arguments: str, **environment: str) -> ForkedProcess:
    script = folder / "script.py"
    script.write_text(text)
    (folder / "stdin").write_text("what is given")
    with (folder / "stdin").open("rb") as stdin, (folder / "out").open("wb") as out, (folder / "err").open("wb") as err:
        return server.start([str(script), *arguments], env=environment, cwd=folder, stdin=stdin, output=out, errors=err)


def test_a_process_has_its_own_pid_session_streams_environment_folder_and_exit(
    server: ForkServer, tmp_path: Path
) -> None:
    processes = [start(server, tmp_path, SAYS, "7", ONLY="this")]
    assert end_of(processes[0], 60) == 7
    said = json.loads((tmp_path / "out").read_text())
    assert said["pid"] == said["session"] == said["group"] == processes[0].pid
    assert said["environment"] == {"ONLY": "this"}
    assert (said["folder"], said["path"]) == (str(tmp_path), str(tmp_path))
    assert (said["argv"][1:], said["given"], said["name"]) == (["7"], "what is given", "__main__")
    assert (said["threads"], said["open"]) == (1, ["0", "1", "2", "3"])  # 3 reads that folder
    assert (tmp_path / "err").read_text() == "to the side\n"


def test_a_failure_says_where_and_ends_with_1(server: ForkServer, tmp_path: Path) -> None:
    assert end_of(start(server, tmp_path, RAISES), 60) == 1
    said = (tmp_path / "err").read_text()
    assert said.startswith("Traceback (most recent call last)")
    assert said.endswith("ValueError: no\n")


@pytest.mark.parametrize("number", [signal.SIGTERM, signal.SIGKILL, signal.SIGINT])
def test_signals_mean_what_they_mean(server: ForkServer, tmp_path: Path, number: signal.Signals) -> None:
    process = start(server, tmp_path, STAYS)
    while not (tmp_path / "out").read_text():
        assert process.poll() is None
    process.send_signal(signal.SIGSTOP)
    with pytest.raises(subprocess.TimeoutExpired):
        process.wait(0.05)
    process.send_signal(number)
    process.send_signal(signal.SIGCONT)
    assert end_of(process, 60) == -number
    assert process.poll() == -number
    process.send_signal(number)  # goes to nobody


def test_who_still_runs_is_killed_with_the_tests(tmp_path: Path) -> None:
    server = ForkServer()
    process = start(server, tmp_path, STAYS)
    server.end()
    with pytest.raises(ProcessLookupError):
        os.kill(process.pid, 0)


def test_a_command_is_run_to_its_end(tmp_path: Path) -> None:
    done = run_freshet("schema", "--help", environment={"COLUMNS": "60"}, folder=tmp_path)
    assert (done.returncode, done.stderr) == (ExitCode.OK, "")
    assert max(map(len, done.stdout.splitlines())) <= 60
    done = run_freshet("config", environment={"FRESHET_PARTITIONS": "none"}, folder=tmp_path)
    assert (done.returncode, done.stdout) == (ExitCode.USAGE, "")
    assert "FRESHET_PARTITIONS" in done.stderr
