"""SIGINT, SIGTERM and SIGHUP as one exception, raised only where it may be, never in the middle of undoing."""

import asyncio
import signal
from collections.abc import Callable, Coroutine, Iterator
from contextlib import contextmanager
from types import FrameType
from typing import Any, Self, TypeVar

Result = TypeVar("Result")

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interrupted(KeyboardInterrupt):
    """Somebody asked the process to end."""


class Interrupts:
    """Use as a context manager in the main thread.

    The first signal raises `Interrupted`: at once inside `allowed`, by cancelling the work inside `run`, so that no
    coroutine is torn apart, and everywhere else at the next `allowed` or `run`. Later signals change nothing, because
    by then everything is being undone.
    """

    def __init__(self) -> None:
        self._received: str | None = None
        self._allowed = False
        self._cancel: Callable[[], object] | None = None
        self._former: dict[signal.Signals, Any] = {}

    def __enter__(self) -> Self:
        self._former = {number: signal.signal(number, self._on_signal) for number in SIGNALS}
        return self

    def __exit__(self, *_: object) -> None:
        for number, handler in self._former.items():
            signal.signal(number, handler)

    @contextmanager
    def allowed(self) -> Iterator[None]:
        """Plain code inside may be interrupted anywhere."""
        self._allowed = True
        try:
            self._raise_if_received()
            yield
        finally:
            self._allowed = False

    def run(self, work: Coroutine[Any, Any, Result]) -> Result:
        """Runs `work` in an event loop of its own. Raises `Interrupted` when a signal cancelled it."""
        if self._received is not None:
            work.close()
            self._raise_if_received()
        try:
            return asyncio.run(self._cancellable(work))
        except asyncio.CancelledError:
            self._raise_if_received()
            raise

    async def _cancellable(self, work: Coroutine[Any, Any, Result]) -> Result:
        task, loop = asyncio.current_task(), asyncio.get_running_loop()
        assert task is not None, "asyncio.run makes one"
        self._cancel = lambda: loop.call_soon_threadsafe(task.cancel)
        if self._received is not None:
            task.cancel()
        try:
            return await work
        finally:
            self._cancel = None

    def _on_signal(self, number: int, _frame: FrameType | None) -> None:
        if self._received is not None:
            return
        self._received = signal.Signals(number).name
        if self._cancel is not None:
            self._cancel()
        elif self._allowed:
            raise Interrupted(self._received)

    def _raise_if_received(self) -> None:
        if self._received is not None:
            raise Interrupted(self._received)
