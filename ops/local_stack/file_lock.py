"""One process at a time, across processes of one machine."""

import fcntl
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from ops.local_stack.errors import StackError


@contextmanager
def file_lock(path: Path) -> Iterator[None]:
    """Holds an exclusive lock on `path`, which is created when needed. Raises `StackError` when it cannot be."""
    try:
        path.parent.mkdir(parents=True, exist_ok=True)
        lock = path.open("w")
    except OSError as refusal:
        raise StackError(f"the folder {path.parent} cannot be used: {refusal}") from refusal
    with lock:
        fcntl.flock(lock, fcntl.LOCK_EX)  # released when the file closes, however the process ends
        yield
