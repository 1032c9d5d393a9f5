"""A folder of this process for files that are of no use to any other one."""

import os
import shutil
from pathlib import Path


def own_folder(parent: Path) -> Path:
    """An empty folder `parent`/{pid}; those of processes that are gone are removed.

    The process id is part of the path because a stopped process that will wake up as a zombie still holds what it
    opened, and its successor may run on the same machine.
    """
    folder = parent / str(os.getpid())
    parent.mkdir(parents=True, exist_ok=True)
    for left in parent.iterdir():
        if left.name.isdigit() and (left == folder or not _alive(int(left.name))):
            shutil.rmtree(left)
    folder.mkdir()
    return folder


def _alive(pid: int) -> bool:
    try:
        os.kill(pid, 0)
    except ProcessLookupError:
        return False
    except PermissionError:
        pass  # it lives and belongs to somebody else
    return True
