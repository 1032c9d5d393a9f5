"""Limits for what may hang, in seconds of a machine that has nothing else to do.

A test never knows how long something takes: that depends on what else the machine does. It knows what would be a hang.
So limits count time by the share of it that a process gets: with a load of 13 on two processors a second counts as a
sixth of one. What hangs still ends a test, later on a busy machine.
"""

import asyncio
import os
import subprocess
import time
from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from typing import Any, Protocol, TypeVar

LOOK_S = 0.5
T = TypeVar("T")


class Patience:
    """Runs out after `limit_s` such seconds. `clock` gives seconds, `load` the processes that want to run."""

    def __init__(
        self,
        limit_s: float,
        clock: Callable[[], float] = time.monotonic,
        load: Callable[[], float] = lambda: os.getloadavg()[0],
        processors: int = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1,
    ) -> None:
        self.limit_s = limit_s
        self._clock, self._load, self._processors = clock, load, processors
        self._looked_s = clock()
        self._counted_s = 0.0

    @property
    def is_over(self) -> bool:
        """Whether the limit is reached; ask now and then, each answer counts the time since the last one."""
        now_s = self._clock()
        self._counted_s += (now_s - self._looked_s) / max(1.0, self._load() / self._processors)
        self._looked_s = now_s
        return self._counted_s > self.limit_s


async def within(limit_s: float, what: Awaitable[T]) -> T:
    """The result, as `asyncio.wait_for` has it. Raises TimeoutError, and cancels `what`, when patience is over."""
    patience = Patience(limit_s)
    task = asyncio.ensure_future(what)
    try:
        while not (await asyncio.wait([task], timeout=LOOK_S))[0]:
            if patience.is_over:
                raise TimeoutError(f"not done after {limit_s:g} undisturbed seconds")
        return await task
    finally:
        task.cancel()  # does nothing when it is done


class Awaited(Protocol):
    """A process that can be waited for: `subprocess.Popen`, or what is like it."""

    def wait(self, timeout: float | None = None) -> int:
        """The exit code. Raises subprocess.TimeoutExpired after `timeout` seconds."""


def end_of(process: Awaited, limit_s: float) -> int:
    """The exit code of a process that ends soon. Raises subprocess.TimeoutExpired when patience is over."""
    patience = Patience(limit_s)
    while True:
        try:
            return process.wait(LOOK_S)
        except subprocess.TimeoutExpired:
            if patience.is_over:
                raise


def run(
    command: Sequence[str | Path], *, limit_s: float, check: bool = False, stdin: str | None = None, **options: Any
) -> subprocess.CompletedProcess[Any]:
    """What `subprocess.run` gives, with what the command printed, as text unless `options` for `subprocess.Popen` say
    otherwise. It is killed when patience is over, which raises subprocess.TimeoutExpired."""
    patience = Patience(limit_s)
    options = {"stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True} | options
    if stdin is not None:
        options["stdin"] = subprocess.PIPE
    with subprocess.Popen(command, **options) as process:
        while True:
            try:
                output, errors = process.communicate(stdin, timeout=LOOK_S)
                break
            except subprocess.TimeoutExpired:
                stdin = None  # it is being written already
                if patience.is_over:
                    process.kill()
                    raise
    done = subprocess.CompletedProcess(process.args, process.returncode, output, errors)
    if check:
        done.check_returncode()
    return done
