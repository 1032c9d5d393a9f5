"""A process that has imported what others need, and starts them by forking itself.

Run as `fork_server.py FD MODULE...`, where FD is one end of a socket pair; `harness.forked` has the other. To start
something is asked for by JSON with the arguments, the environment and the folder, together with its three standard
streams. What is started is a process like any other: with a session, streams, environment, folder and exit of its own.
It is waited for here, when it is asked about, so that its pid stays its own until then. What runs when the other end is
closed is killed.
"""

import gc
import json
import os
import runpy
import signal
import socket
import sys
from collections.abc import Callable
from contextlib import suppress
from pathlib import Path

MAX_MESSAGE_BYTES = 1 << 20


def main() -> None:
    """Serves, and in a process that was forked runs what it is for."""
    del sys.path[0]  # this folder, whose modules are not meant to be found by their bare names
    connection = socket.socket(fileno=int(sys.argv[1]))
    connection.set_inheritable(False)
    for name in sys.argv[2:]:
        __import__(name)
    threads = os.listdir("/proc/self/task")
    if len(threads) != 1:  # a fork has only one of them, and the locks of all
        raise SystemExit(f"what was imported has started {len(threads) - 1} threads")
    signal.signal(signal.SIGINT, signal.default_int_handler)  # shells ignore it for what they start in the background
    gc.collect()
    gc.freeze()  # collections in a child would copy every page of what is shared
    program = Server(connection).serve()
    if program is not None:
        program()


class Server:
    """Answers one message after the other."""

    def __init__(self, connection: socket.socket) -> None:
        self._connection = connection
        self._running: set[int] = set()

    def serve(self) -> Callable[[], object] | None:
        """What to run, in a child; None when there is nothing left to serve."""
        while True:
            content, streams, _, _ = socket.recv_fds(self._connection, MAX_MESSAGE_BYTES, 3)
            if not content:
                break
            message = json.loads(content)
            if "argv" in message:
                pid = os.fork()
                if pid == 0:
                    self._connection.close()
                    return _become(message, streams)
                self._running.add(pid)
                for stream in streams:
                    os.close(stream)
                self._answer(pid)
            else:
                self._answer(self._status(message["pid"]))
        for pid in self._running:
            os.kill(pid, signal.SIGKILL)
            os.waitpid(pid, 0)
        return None

    def _status(self, pid: int) -> int | None:
        """The exit code as `subprocess` has it; None while the process runs."""
        found, status = os.waitpid(pid, os.WNOHANG)
        if not found:
            return None
        self._running.discard(pid)
        return os.waitstatus_to_exitcode(status)

    def _answer(self, answer: int | None) -> None:
        with suppress(BrokenPipeError):  # nobody is there any more; the next message is the end
            self._connection.send(json.dumps(answer).encode())


def _become(message: dict[str, object], streams: list[int]) -> Callable[[], object]:
    """Makes this process what was asked for; its program."""
    os.setsid()
    for number, stream in enumerate(streams):
        os.dup2(stream, number)
        os.close(stream)
    os.environ.clear()
    os.environ.update(message["environment"])
    os.chdir(str(message["folder"]))
    sys.stdin = open(0, closefd=False)  # noqa: SIM115  # for as long as the process lives
    sys.stdout = open(1, "w", closefd=False)  # noqa: SIM115
    sys.stderr = open(2, "w", buffering=1, errors="backslashreplace", closefd=False)  # noqa: SIM115
    sys.argv = list(message["argv"])
    script = Path(sys.argv[0])
    if script.name == "freshet":
        from ops.cli import main as freshet

        return freshet
    sys.path.insert(0, str(script.parent))
    return lambda: runpy.run_path(str(script), run_name="__main__")


if __name__ == "__main__":
    main()
