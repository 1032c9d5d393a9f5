"""What Kafka and Valkey have in common as local servers: start once, ready when they answer, stop only what is ours."""

import shutil
import time
from abc import ABC, abstractmethod
from collections.abc import Callable
from dataclasses import dataclass
from enum import StrEnum
from pathlib import Path

from ops.local_stack.errors import StackError
from ops.local_stack.ports import LOOPBACK, accepts_connections
from ops.local_stack.process import Ended, OwnedProcess

STOP_GRACE_S = 20.0
_START_TIMEOUT_S = 90.0
_FOREIGN_TIMEOUT_S = 15.0
_POLL_S = 0.05


class ServerOwner(StrEnum):
    """Whose server answers at an address."""

    NOBODY = "nobody"
    FRESHET = "freshet"
    OTHER = "other"


class Started(StrEnum):
    """What a start found."""

    NOW = "started"
    BEFORE = "was running"
    BY_OTHERS = "belongs to others"


@dataclass(frozen=True)
class ServerStatus:
    """One server as an operator sees it; `pid` and `log` only when it is ours."""

    name: str
    address: str
    owner: ServerOwner
    answers: bool
    pid: int | None = None
    log: str | None = None


class LocalServer(ABC):
    """A server on a fixed loopback port with its state in one folder.

    Not thread-safe; `LocalStack` holds a lock around every change.
    """

    download_s: float = 0.0
    """Seconds the last `start` spent on having the server's files on this machine."""

    def __init__(self, name: str, state_dir: Path, port: int) -> None:
        self.name = name
        self.port = port
        self.folder = state_dir / self.name
        self._process = OwnedProcess(self.folder / "process.json", state_dir / "logs" / f"{self.name}.log")

    @property
    def address(self) -> str:
        """`host:port`."""
        return f"{LOOPBACK}:{self.port}"

    @property
    def log_path(self) -> Path:
        """Where the server's output goes."""
        return self._process.log_path

    @abstractmethod
    def answers(self) -> bool:
        """Whether a real request is answered at the address right now."""

    @abstractmethod
    def prepare(self) -> list[str]:
        """Writes what the server needs to start; its command line."""

    def pid(self) -> int | None:
        """The pid of the server that we started, while it runs."""
        return self._process.pid()

    def owner(self) -> ServerOwner:
        """Whose server is at the address."""
        if self.pid() is not None:
            return ServerOwner.FRESHET
        return ServerOwner.OTHER if accepts_connections(self.port) else ServerOwner.NOBODY

    def status(self) -> ServerStatus:
        """The server as it is now."""
        pid, owner = self.pid(), self.owner()
        log = str(self.log_path) if pid is not None else None
        return ServerStatus(self.name, self.address, owner, self.answers(), pid, log)

    def start(self) -> Started:
        """Makes sure that a server answers at the address.

        A server that is there already is used and never stopped. Raises `StackError` when the port is taken by
        something else or the server does not come up.
        """
        started = self.launch()
        if started is Started.BY_OTHERS:
            self.wait_for_foreign()
            return started
        try:
            self.wait_until(self.answers)
        except BaseException:  # Ctrl-C included: what did not come up is not left behind
            if started is Started.NOW:
                self._process.kill()
            raise
        return started

    def launch(self) -> Started:
        """Starts our process unless the address is taken; waits for nothing."""
        self.download_s = 0.0
        owner = self.owner()
        if owner is ServerOwner.OTHER:
            return Started.BY_OTHERS
        if owner is ServerOwner.FRESHET:
            return Started.BEFORE
        self.folder.mkdir(parents=True, exist_ok=True)
        self._process.start(self.prepare(), self.folder)
        return Started.NOW

    def ask_to_stop(self) -> None:
        """Asks our server to end and does not wait; `stop` does."""
        self._process.ask_to_stop()

    def stop(self) -> Ended:
        """Ends our server with time to flush; leaves anybody else's alone."""
        return self._process.stop(STOP_GRACE_S)

    def kill(self) -> Ended:
        """Ends our server as a crash would; leaves anybody else's alone."""
        return self._process.kill()

    def wipe(self) -> None:
        """Removes everything the server stored. Raises `StackError` while it runs."""
        if self.pid() is not None:
            raise StackError(f"{self.name} runs; stop it before its state is removed")
        if self.folder.exists():
            shutil.rmtree(self.folder)
        for path in self.log_path.parent.glob(f"{self.log_path.name}*"):
            path.unlink()

    def wait_for_foreign(self) -> None:
        """Returns when somebody else's server answers. Raises `StackError` when it does not."""
        deadline = time.monotonic() + _FOREIGN_TIMEOUT_S
        while not self.answers():
            if time.monotonic() > deadline:
                raise StackError(f"something listens on {self.address} but does not answer as {self.name}")
            time.sleep(_POLL_S)

    def wait_until(self, is_ready: Callable[[], bool]) -> None:
        """Returns when our started server is ready. Raises `StackError` when it ends or takes too long."""
        deadline = time.monotonic() + _START_TIMEOUT_S
        while not is_ready():
            if self.pid() is None:
                raise StackError(self._with_log(f"{self.name} ended while it was starting"))
            if time.monotonic() > deadline:
                raise StackError(self._with_log(f"{self.name} was not ready within {_START_TIMEOUT_S:g} s"))
            time.sleep(_POLL_S)

    def _with_log(self, complaint: str) -> str:
        return f"{complaint}; see {self.log_path}, which ends with\n{self._process.last_output()}"
