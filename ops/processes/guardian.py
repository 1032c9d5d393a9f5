"""Ends what a process started and could not end itself, because it was killed with -9 or as good as that.

A process of its own that reads from a pipe which process groups there are (`+pid`, `-pid`). The kernel closes the pipe
with whoever holds its other end, however that ended, and what is left then is killed: a worker commits whole
transactions or nothing, and the endpoint only reads. A pipe rather than Linux's parent-death signal, because that one
follows the thread that started a child and reaches no grandchildren.

Groups are named by those who start them. With a mark, an environment variable that children inherit, nobody has to name
them: everything that carries it is killed, in whatever session it runs. A server that writes its title over its
environment (Valkey) loses it, and is named.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress
from pathlib import Path

#: Not a setting: what it holds tells apart those who started something.
MARK = "_FRESHET_ENDS_WITH"


class Guardian:
    """The guarded one's end of the pipe. Starts the process; raises `OSError` when that is impossible."""

    def __init__(self, mark: str = "") -> None:
        environment = {name: value for name, value in os.environ.items() if name != MARK}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops.processes.guardian", *([mark] if mark else [])],
            env=environment,  # or it would end itself
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the guarded one
            text=True,
        )

    def guard(self, leader_pid: int) -> None:
        """Kill the group of this leader, too, when the guarded one is gone."""
        self._tell(f"+{leader_pid}")

    def release(self, leader_pid: int) -> None:
        """The group of this leader has ended."""
        self._tell(f"-{leader_pid}")

    def end(self) -> None:
        """There is nothing left to guard."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody ended the guardian: the guarded one goes on without
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def kill_what_is_left(lines: Iterable[str], mark: str = "") -> None:
    """Reads to the end, then kills every group that was named and not released, and all that carries the mark."""
    leaders: set[int] = set()
    for line in lines:
        change = leaders.add if line.startswith("+") else leaders.discard
        change(int(line[1:]))
    for leader in leaders:
        with suppress(ProcessLookupError):  # it ended with the guarded one
            os.killpg(leader, signal.SIGKILL)
    while mark and (left := marked(mark)):  # again, because what was just being started is not seen yet
        signal_all(left, signal.SIGKILL)


def marked(mark: str) -> list[int]:
    """The pids of all processes of ours that carry the mark, without this one."""
    entry = f"{MARK}={mark}".encode()
    return [pid for pid in _pids() if pid != os.getpid() and entry in _environment(pid)]


def signal_all(pids: Iterable[int], number: signal.Signals) -> None:
    """Sends a signal to those that are still there."""
    for pid in pids:
        with suppress(ProcessLookupError):
            os.kill(pid, number)


def _pids() -> list[int]:
    return [int(entry.name) for entry in Path("/proc").iterdir() if entry.name.isdecimal()]


def _environment(pid: int) -> list[bytes]:
    """Empty for what has ended or belongs to others."""
    try:
        return Path(f"/proc/{pid}/environ").read_bytes().split(b"\0")
    except OSError:
        return []


if __name__ == "__main__":
    kill_what_is_left(sys.stdin, *sys.argv[1:])
