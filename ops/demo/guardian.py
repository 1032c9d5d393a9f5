"""Ends the processes of a demo that was killed with -9 and could not do it itself.

A process of its own that reads from a pipe which process groups there are (`+pid`, `-pid`). The kernel closes the pipe
with the demo, however that ended, and what is left then is killed: a worker commits whole transactions or nothing, and
the endpoint only reads. A pipe rather than Linux's parent-death signal, because that one follows the thread that
started a child and reaches no grandchildren.
"""

import os
import signal
import subprocess
import sys
from collections.abc import Iterable
from contextlib import suppress


class Guardian:
    """The demo's end of the pipe. Starts the process; raises `OSError` when that is impossible."""

    def __init__(self) -> None:
        self._process = subprocess.Popen(
            [sys.executable, "-m", "ops.demo.guardian"],
            stdin=subprocess.PIPE,
            stdout=subprocess.DEVNULL,
            stderr=subprocess.DEVNULL,
            start_new_session=True,  # Ctrl-C in the terminal is for the demo
            text=True,
        )

    def guard(self, leader_pid: int) -> None:
        """Kill the group of this leader, too, when the demo is gone."""
        self._tell(f"+{leader_pid}")

    def release(self, leader_pid: int) -> None:
        """The group of this leader has ended."""
        self._tell(f"-{leader_pid}")

    def end(self) -> None:
        """There is nothing left to guard."""
        self._process.communicate()

    def _tell(self, line: str) -> None:
        assert self._process.stdin is not None
        with suppress(BrokenPipeError):  # somebody ended the guardian: the demo goes on without
            self._process.stdin.write(line + "\n")
            self._process.stdin.flush()


def kill_what_is_left(lines: Iterable[str]) -> None:
    """Reads to the end, then kills every group that was named and not released."""
    leaders: set[int] = set()
    for line in lines:
        change = leaders.add if line.startswith("+") else leaders.discard
        change(int(line[1:]))
    for leader in leaders:
        with suppress(ProcessLookupError):  # it ended with the demo
            os.killpg(leader, signal.SIGKILL)


if __name__ == "__main__":
    kill_what_is_left(sys.stdin)
