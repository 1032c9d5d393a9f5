"""A folder of this process for files that are of no use to any other one."""

import fcntl
import os
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

#: In each folder; whoever holds it lives. A process id would say nothing about a process in another container.
LOCK = "lock"
_TURN = ".turn"


class OwnFolder:
    """An empty folder `parent`/`instance`, this process's for as long as the object lives. Those of processes that are
    gone are removed.

    A process that was stopped and will wake up as a zombie still holds its lock, and what it opened; so does one in
    another container that shares the volume, whatever its process id. Raises `OSError`, and `FolderTaken` when a
    process of the same instance lives.
    """

    def __init__(self, parent: Path, instance: str) -> None:
        self.path = parent / instance
        parent.mkdir(parents=True, exist_ok=True)
        with _turn(parent):  # between making a folder and locking it nobody may look
            for left in parent.iterdir():
                if (left / LOCK).is_file():
                    _remove_unless_locked(left)
            if self.path.exists():
                raise FolderTaken(f"{self.path} belongs to another process that lives; name this instance otherwise")
            self.path.mkdir()
            self._lock = os.open(self.path / LOCK, os.O_RDWR | os.O_CREAT)
            fcntl.flock(self._lock, fcntl.LOCK_EX)

    def close(self) -> None:
        """Removes the folder with what is in it."""
        shutil.rmtree(self.path)
        os.close(self._lock)


class FolderTaken(OSError):
    """Another process lives in the folder."""


def _remove_unless_locked(folder: Path) -> None:
    lock = os.open(folder / LOCK, os.O_RDWR)
    try:
        fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return
    else:
        shutil.rmtree(folder)
    finally:
        os.close(lock)


@contextmanager
def _turn(parent: Path) -> Iterator[None]:
    descriptor = os.open(parent / _TURN, os.O_RDWR | os.O_CREAT)
    try:
        fcntl.flock(descriptor, fcntl.LOCK_EX)
        yield
    finally:
        os.close(descriptor)
