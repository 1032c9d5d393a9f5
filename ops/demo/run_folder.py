"""Where one run keeps its processes' logs and local state: kept only when the logs are worth reading."""

import shutil
from collections.abc import Callable
from pathlib import Path
from types import TracebackType

from ops.processes.interrupts import Interrupted


class RunFolder:
    """A folder that is removed at the end, unless the run failed or `keep` was set; then `notice` says where it is."""

    def __init__(self, folder: Path, notice: Callable[[str], None]) -> None:
        self._folder = folder
        self._notice = notice
        self.keep = False

    def __enter__(self) -> Path:
        self._folder.mkdir(parents=True, exist_ok=True)
        return self._folder

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        failed = kind is not None and not issubclass(kind, Interrupted)
        if self.keep or failed:
            self._notice(f"the logs of this run are in {self._folder}")
        else:
            shutil.rmtree(self._folder)
