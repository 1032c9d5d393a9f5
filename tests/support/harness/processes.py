"""Worker processes: started with a log file of their own, hurt on purpose, restarted like a service manager would."""

import asyncio
import os
import signal
import subprocess
import sys
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import IO

from harness.forked import ForkedProcess, fork_server
from harness.patience import end_of
from harness.polling import eventually

FRESHET = Path(sys.executable).with_name("freshet")
END_GRACE_S = 30
#: More exits than any fault here causes: the worker cannot start at all.
MAX_EXITS = 5
LOG_TAIL_CHARS = 4_000


class WorkerProcess:
    """One worker and its successors after each exit. `exits` holds the exit codes of those that ended by themselves.

    The command is `freshet` or a script of ours, which is forked (`harness.forked`), or begins with an interpreter,
    which is started.
    """

    def __init__(self, name: str, command: Sequence[str], environment: Mapping[str, str], folder: Path) -> None:
        self.name = name
        self.log = folder / f"{name}.log"
        self.exits: list[int] = []
        self._command = list(command)
        self._environment = {**os.environ, **environment}
        self._folder = folder
        self._wanted = False
        self._start()

    def _start(self) -> None:
        self._wanted = True
        with self.log.open("ab") as output:
            self._process = self._started(output)

    def _started(self, output: IO[bytes]) -> "subprocess.Popen[bytes] | ForkedProcess":
        # In a folder of its own: where the tests run may be settings in a .env.
        if self._command[0] == sys.executable:
            return subprocess.Popen(
                self._command,
                cwd=self._folder,
                env=self._environment,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
            )
        return fork_server().start(self._command, cwd=self._folder, env=self._environment, output=output, errors=output)

    @property
    def pid(self) -> int:
        """The pid of the present process."""
        return self._process.pid

    @property
    def log_text(self) -> str:
        """Everything that it and its predecessors printed."""
        return self.log.read_text(errors="replace")

    def tend(self) -> None:
        """Starts it again when it exited by itself."""
        if self._wanted and (code := self._process.poll()) is not None:
            self.exits.append(code)
            if len(self.exits) > MAX_EXITS:
                raise AssertionError(f"{self.name} exited with {self.exits}: {self.log_text[-LOG_TAIL_CHARS:]}")
            self._start()

    def kill(self) -> None:
        """kill -9, and it stays dead."""
        self._wanted = False
        self._process.kill()
        self._process.wait()

    def reload(self) -> None:
        """SIGHUP."""
        self._process.send_signal(signal.SIGHUP)

    def freeze(self) -> None:
        """SIGSTOP."""
        self._process.send_signal(signal.SIGSTOP)

    def thaw(self) -> None:
        """SIGCONT."""
        self._process.send_signal(signal.SIGCONT)

    async def terminate(self) -> int:
        """SIGTERM; the exit code. It stays ended. Whatever else the test runs goes on meanwhile."""
        self.ask_to_end()
        return await asyncio.to_thread(self.wait)

    async def ended(self) -> int:
        """The exit code, once it has ended by itself. It stays ended."""
        self._wanted = False

        async def code() -> tuple[int] | None:
            found = self._process.poll()
            return None if found is None else (found,)

        return (await eventually(f"{self.name} ends by itself", code))[0]

    def ask_to_end(self) -> None:
        """SIGTERM without waiting."""
        self._wanted = False
        self._process.terminate()

    def wait(self) -> int:
        """The exit code, once it has ended; killed when it has not after a while, which is no exit code of a worker."""
        try:
            return end_of(self._process, END_GRACE_S)
        except subprocess.TimeoutExpired:
            self._process.kill()
            return self._process.wait()


class Workers:
    """The workers that one test started."""

    def __init__(self) -> None:
        self._all: list[WorkerProcess] = []

    def add(self, worker: WorkerProcess) -> WorkerProcess:
        """Takes a started worker in charge."""
        self._all.append(worker)
        return worker

    def tend(self) -> None:
        """Restarts those that exited by themselves."""
        for worker in self._all:
            worker.tend()

    @property
    def log_bytes(self) -> int:
        """How much all of them have printed."""
        return sum(worker.log.stat().st_size for worker in self._all)

    def end(self) -> None:
        """Ends every worker that still runs, a frozen one too."""
        for worker in self._all:
            worker.thaw()
            worker.ask_to_end()
        for worker in self._all:
            worker.wait()
