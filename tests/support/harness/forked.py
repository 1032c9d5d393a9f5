"""Processes that are started by forking one that has imported everything already: the tests' `subprocess.Popen`.

A new interpreter that imports a worker takes two seconds of a processor. What a start is like in itself (its errors,
its imports, its packages) is tested with real ones: `subprocess` and `harness.patience.run`.
"""

import atexit
import json
import os
import select
import signal
import socket
import subprocess
import sys
import threading
import weakref
from collections.abc import Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import IO

SERVER = Path(__file__).with_name("fork_server.py")
#: What commands of `freshet` import by themselves beyond this is read in some hundredths of a second.
PRELOADED = (
    "ops.cli",
    "ops.processes.worker_process",
    "ops.processes.endpoint_process",
    "ops.processes.collect_process",
)
#: Workers share the machine by processes (ops/commands/worker.py); a process with threads cannot be forked.
ENVIRONMENT = {"OPENBLAS_NUM_THREADS": "1"}
END_S = 30


class ForkedProcess:
    """A process that was started so; what `subprocess.Popen` has of this name."""

    def __init__(self, server: "ForkServer", args: Sequence[str], pid: int) -> None:
        self.args = list(args)
        self.pid = pid
        self.returncode: int | None = None
        self._server = server
        ended = os.pidfd_open(pid)  # the server keeps the pid for us until we ask how it ended
        weakref.finalize(self, os.close, ended)
        self._ended = select.poll()
        self._ended.register(ended, select.POLLIN)
        self._lock = threading.Lock()

    def poll(self) -> int | None:
        """The exit code; None while it runs."""
        with self._lock:
            if self.returncode is None and self._ended.poll(0):
                self.returncode = self._server.exit_code(self.pid)
            return self.returncode

    def wait(self, timeout: float | None = None) -> int:
        """The exit code, once it has ended. Raises subprocess.TimeoutExpired after `timeout` seconds."""
        if self.poll() is None:
            self._ended.poll(None if timeout is None else timeout * 1000)
        if (code := self.poll()) is None:
            raise subprocess.TimeoutExpired(self.args, timeout or 0.0)
        return code

    def send_signal(self, number: int) -> None:
        """Does nothing when it has ended."""
        if self.poll() is None:
            os.kill(self.pid, number)

    def terminate(self) -> None:
        """SIGTERM."""
        self.send_signal(signal.SIGTERM)

    def kill(self) -> None:
        """SIGKILL."""
        self.send_signal(signal.SIGKILL)


class ForkServer:
    """The process that forks, and has imported `preloaded`."""

    def __init__(self, preloaded: Sequence[str] = PRELOADED) -> None:
        self._ours, theirs = socket.socketpair(socket.AF_UNIX, socket.SOCK_SEQPACKET)
        self._lock = threading.Lock()
        with theirs:
            self._process = subprocess.Popen(
                [sys.executable, str(SERVER), str(theirs.fileno()), *preloaded],
                env={**os.environ, **ENVIRONMENT},
                stdin=subprocess.DEVNULL,
                pass_fds=[theirs.fileno()],
                start_new_session=True,
            )

    def start(
        self,
        command: Sequence[str],
        *,
        env: Mapping[str, str],
        cwd: Path,
        output: IO[bytes],
        errors: IO[bytes],
        stdin: IO[bytes] | None = None,
    ) -> ForkedProcess:
        """Runs `freshet` (its path and its arguments) or a script of ours; nothing to read without `stdin`."""
        message = {"argv": list(command), "environment": dict(env), "folder": str(cwd)}
        with open(os.devnull, "rb") as nothing, self._lock:
            streams = [stream.fileno() for stream in (stdin or nothing, output, errors)]
            socket.send_fds(self._ours, [json.dumps(message).encode()], streams)
            return ForkedProcess(self, command, self._answer())

    def exit_code(self, pid: int) -> int:
        """The exit code of a process that has ended."""
        with self._lock:
            self._ours.send(json.dumps({"pid": pid}).encode())
            return self._answer()

    def end(self) -> None:
        """Kills what still runs."""
        self._ours.close()
        self._process.wait(END_S)

    def _answer(self) -> int:
        content = self._ours.recv(1 << 10)
        if not content:
            raise RuntimeError(f"the fork server has ended with {self._process.wait(END_S)}")
        answer = json.loads(content)
        assert isinstance(answer, int), answer
        return answer


@cache
def fork_server() -> ForkServer:
    """Started with the first process that needs it, and ended with this one."""
    server = ForkServer()
    atexit.register(server.end)
    return server
