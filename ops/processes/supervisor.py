"""The processes of the demo: started, watched, started again when they end unasked, and ended."""

import asyncio
import os
import signal
import subprocess
import time
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path

from ops.processes.errors import ProcessFailed
from ops.processes.guardian import Guardian

MAX_RESTARTS = 5
STOP_GRACE_S = 20.0
_POLL_S = 0.2
_LOG_TAIL_LINES = 15


@dataclass
class Child:
    """One process under supervision."""

    name: str
    command: Sequence[str]
    environment: Mapping[str, str]
    log_path: Path
    process: subprocess.Popen[bytes]
    restarts: int = 0
    #: Of those, how often it ended without being told to.
    failures: int = 0
    killed_pid: int = 0

    @property
    def pid(self) -> int:
        """The pid of the present incarnation."""
        return self.process.pid


class ProcessSupervisor:
    """Starts children in sessions of their own, so that Ctrl-C in a terminal reaches them only through `stop`. Should
    this process be killed, they are killed too.

    `notice` hears, in words, of every child that ended unasked.
    """

    def __init__(self, notice: Callable[[str], None]) -> None:
        self._notice = notice
        self._children: list[Child] = []
        self._guardian: Guardian | None = None

    def start(self, name: str, command: Sequence[str], environment: Mapping[str, str], log_path: Path) -> Child:
        """Starts a child whose output goes to `log_path`. Raises `OSError` when the program cannot be started."""
        self._guardian = self._guardian or Guardian()
        child = Child(name, command, environment, log_path, _spawn(command, environment, log_path))
        self._children.append(child)
        self._guardian.guard(child.pid)
        return child

    @property
    def restarts(self) -> int:
        """How often any child was started again."""
        return sum(child.restarts for child in self._children)

    @property
    def pids(self) -> dict[str, int]:
        """Present pids by name."""
        return {child.name: child.pid for child in self._children}

    def kill(self, name: str) -> int:
        """Kills a child, which `check` starts again and does not hold against it; its pid."""
        child = next(child for child in self._children if child.name == name)
        child.killed_pid = child.pid
        child.process.kill()
        return child.pid

    @property
    def is_over(self) -> bool:
        """Whether a child ended by itself and says that all is well: there is nothing left for it to do."""
        return any(child.process.poll() == 0 for child in self._children)

    def check(self) -> None:
        """Starts what has ended again. Raises `ProcessFailed` when a child ended too often, with the end of its log."""
        for child in self._children:
            code = child.process.poll()
            if code is None:
                continue
            _kill_group(child.pid)  # what an ended parent left behind would hold its port
            if child.pid != child.killed_pid:
                child.failures += 1
            if child.failures > MAX_RESTARTS:
                raise ProcessFailed(
                    f"{child.name} ended {MAX_RESTARTS + 1} times, last {_how(code)}; {child.log_path} ends with\n"
                    + _tail(child.log_path)
                )
            child.restarts += 1
            former_pid = child.pid
            child.process = _spawn(child.command, child.environment, child.log_path)
            self._hand_over(former_pid, child.pid)
            self._notice(f"{child.name} (pid {former_pid}) {_how(code)}; started again as pid {child.pid}")

    async def watch(self) -> None:
        """Checks until cancelled."""
        while True:
            self.check()
            await asyncio.sleep(_POLL_S)

    def stop(self) -> None:
        """Asks all children to end, and kills those that have not after `STOP_GRACE_S` seconds."""
        for child in self._children:
            child.process.terminate()
        deadline = time.monotonic() + STOP_GRACE_S
        for child in self._children:
            try:
                child.process.wait(max(0.0, deadline - time.monotonic()))
            except subprocess.TimeoutExpired:
                self._notice(f"{child.name} (pid {child.pid}) did not end within {STOP_GRACE_S:g} s and is killed")
            _kill_group(child.pid)
            child.process.wait()
        if self._guardian is not None:
            for child in self._children:
                self._guardian.release(child.pid)
            self._guardian.end()
            self._guardian = None
        self._children.clear()

    def _hand_over(self, former_pid: int, pid: int) -> None:
        if self._guardian is not None:
            self._guardian.release(former_pid)
            self._guardian.guard(pid)


def _spawn(command: Sequence[str], environment: Mapping[str, str], log_path: Path) -> subprocess.Popen[bytes]:
    log_path.parent.mkdir(parents=True, exist_ok=True)
    with log_path.open("ab") as output:
        return subprocess.Popen(
            command,
            env=dict(environment),
            stdin=subprocess.DEVNULL,
            stdout=output,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )


def _kill_group(leader_pid: int) -> None:
    with suppress(ProcessLookupError):  # the usual case: the whole group is gone
        os.killpg(leader_pid, signal.SIGKILL)


def _how(code: int) -> str:
    return f"was ended by {signal.Signals(-code).name}" if code < 0 else f"exited with code {code}"


def _tail(log_path: Path) -> str:
    return "\n".join(log_path.read_text(errors="replace").splitlines()[-_LOG_TAIL_LINES:])
