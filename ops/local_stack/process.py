"""A server process that outlives the command that started it, found again by pid *and* creation time."""

import logging
import subprocess
from collections.abc import Sequence
from enum import StrEnum
from pathlib import Path

import msgspec
import psutil

from ops.processes.guardian import Guardian

log = logging.getLogger(__name__)

# Creation times are derived from the boot time, which moves a little when the clock is corrected.
_CREATION_TOLERANCE_S = 2.0
_KILL_WAIT_S = 20.0


_guardian: Guardian | None = None


def guard_started(guardian: Guardian) -> None:
    """From now on what is started here ends with this process, and `guardian` sees to it when nobody else can."""
    global _guardian
    _guardian = guardian


class Ended(StrEnum):
    """How a stop went."""

    NOT_RUNNING = "not running"
    STOPPED = "stopped"
    KILLED = "killed"


class ProcessRecord(msgspec.Struct, frozen=True):
    """What is written down about a started process: enough to never signal a stranger that inherited the pid."""

    pid: int
    created_at_s: float


class OwnedProcess:
    """One process that we started, remembered in `record_path`, with its output in `log_path`."""

    def __init__(self, record_path: Path, log_path: Path) -> None:
        self._record_path = record_path
        self.log_path = log_path
        self._child: subprocess.Popen[bytes] | None = None
        self._asked: psutil.Process | None = None

    def start(self, command: Sequence[str], folder: Path) -> None:
        """Starts `command` in `folder`, in a session of its own so that Ctrl-C in a terminal does not reach it.

        The log of the run before is kept beside the new one. Raises `OSError` when the program cannot be started.
        """
        self.log_path.parent.mkdir(parents=True, exist_ok=True)
        if self.log_path.exists():
            self.log_path.replace(self.log_path.with_name(self.log_path.name + ".1"))
        with self.log_path.open("wb") as output:
            self._child = subprocess.Popen(
                command,
                cwd=folder,
                stdin=subprocess.DEVNULL,
                stdout=output,
                stderr=subprocess.STDOUT,
                start_new_session=True,
            )
        if _guardian is not None:
            _guardian.guard(self._child.pid)
        record = ProcessRecord(self._child.pid, psutil.Process(self._child.pid).create_time())
        self._record_path.write_bytes(msgspec.json.encode(record))

    def pid(self) -> int | None:
        """The pid while the recorded process runs, else None."""
        process = self._find()
        return process.pid if process else None

    def ask_to_stop(self) -> None:
        """Asks the process to end and does not wait for it."""
        self._asked = self._find()
        if self._asked is not None:
            self._asked.terminate()

    def stop(self, grace_s: float) -> Ended:
        """Asks the process to end, and kills it when it has not after `grace_s` seconds."""
        process = self._asked or self._find()
        if process is None:
            self._forget()
            return Ended.NOT_RUNNING
        if self._asked is None:
            process.terminate()
        try:
            process.wait(grace_s)
        except psutil.TimeoutExpired:
            log.warning("process %d did not end within %g s of SIGTERM and is killed", process.pid, grace_s)
            return self.kill()
        self._forget()
        return Ended.STOPPED

    def kill(self) -> Ended:
        """Ends the process without asking, as a crash would."""
        process = self._find()
        if process is None:
            self._forget()
            return Ended.NOT_RUNNING
        process.kill()
        process.wait(_KILL_WAIT_S)
        self._forget()
        return Ended.KILLED

    def last_output(self, lines: int = 15) -> str:
        """The end of the log, for error messages."""
        if not self.log_path.exists():
            return ""
        return "\n".join(self.log_path.read_text(errors="replace").splitlines()[-lines:])

    def _find(self) -> psutil.Process | None:
        if not self._record_path.exists():
            return None
        record = msgspec.json.decode(self._record_path.read_bytes(), type=ProcessRecord)
        try:
            process = psutil.Process(record.pid)
            if process.status() == psutil.STATUS_ZOMBIE:
                return None
            same = abs(process.create_time() - record.created_at_s) <= _CREATION_TOLERANCE_S
        except psutil.NoSuchProcess:
            return None
        return process if same else None

    def _forget(self) -> None:
        self._record_path.unlink(missing_ok=True)
        self._asked = None
        if self._child is not None:
            self._child.wait(_KILL_WAIT_S)
            if _guardian is not None:
                _guardian.release(self._child.pid)
            self._child = None
