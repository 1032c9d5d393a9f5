"""CPU seconds of named process trees, and of this process, read before and after what is measured."""

from collections.abc import Mapping
from contextlib import suppress

import psutil


class CpuClock:
    """CPU time of process trees by name, from being made on. What ends meanwhile is not counted."""

    def __init__(self, pids: Mapping[str, list[int]], own: str) -> None:
        """`pids` are the leaders of the trees that make up a name; `own` names this process without what it started."""
        self._pids = pids
        self._own = own
        self._before = self._read()

    def passed_s(self) -> dict[str, float]:
        """CPU seconds since this clock was made, by name."""
        return {
            name: sum(cpu_s - self._before[name].get(pid, 0.0) for pid, cpu_s in now.items())
            for name, now in self._read().items()
        }

    def _read(self) -> dict[str, dict[int, float]]:
        this = psutil.Process()
        trees = {name: dict(_tree(leaders)) for name, leaders in self._pids.items()}
        return {**trees, self._own: {this.pid: sum(this.cpu_times()[:2])}}


def _tree(leaders: list[int]) -> list[tuple[int, float]]:
    found: list[tuple[int, float]] = []
    for leader in leaders:
        with suppress(psutil.NoSuchProcess):
            parent = psutil.Process(leader)
            for process in (parent, *parent.children(recursive=True)):
                with suppress(psutil.NoSuchProcess):
                    found.append((process.pid, sum(process.cpu_times()[:2])))
    return found
