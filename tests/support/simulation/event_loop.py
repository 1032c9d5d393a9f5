"""The asyncio loop of one simulated process: handles run in the order in which real asyncio would run them."""

import asyncio
from asyncio import events
from collections import deque
from collections.abc import Callable, Coroutine
from contextlib import suppress
from contextvars import Context
from typing import Any, Protocol


class Clock(Protocol):
    """Simulated time in seconds."""

    now: float

    def at(self, when: float, act: Callable[..., object], *arguments: object) -> None: ...


class SimulatedLoop(asyncio.AbstractEventLoop):
    """Runs when told to, until nothing is ready; timers fire in simulated time."""

    def __init__(self, clock: Clock, wake: Callable[[], None]) -> None:
        self._clock = clock
        self._wake = wake
        self.ready: deque[asyncio.Handle] = deque()
        self.problems: list[dict[str, Any]] = []
        self.tasks: list[asyncio.Task[Any]] = []  # nothing may be collected, and so unwound, while others run

    def run_ready(self, may_run: Callable[[], bool]) -> None:
        """Runs what is ready, and what becomes ready by it, while `may_run` allows."""
        events._set_running_loop(self)
        try:
            while self.ready and may_run():
                handle = self.ready.popleft()
                if not handle._cancelled:
                    handle._run()
        finally:
            events._set_running_loop(None)

    def unwind(self) -> None:
        """Ends every coroutine where it is, so that none is ended by the garbage collector, who complains."""
        events._set_running_loop(self)
        try:
            for task in self.tasks:  # grows meanwhile
                if not task.done():
                    task._log_destroy_pending = False  # type: ignore[attr-defined]
                    with suppress(BaseException):
                        task.get_coro().close()  # type: ignore[union-attr]
        finally:
            events._set_running_loop(None)

    # -- what asyncio asks of a loop ------------------------------------------------------------------------------

    def time(self) -> float:
        return self._clock.now

    def get_debug(self) -> bool:
        return False

    def is_running(self) -> bool:
        return True

    def is_closed(self) -> bool:
        return False

    def call_soon(self, callback: Callable[..., object], *args: Any, context: Context | None = None) -> asyncio.Handle:
        handle = asyncio.Handle(callback, args, self, context)
        self.ready.append(handle)
        return handle

    def call_later(
        self, delay: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        return self.call_at(self._clock.now + delay, callback, *args, context=context)

    def call_at(
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        handle = asyncio.TimerHandle(when, callback, args, self, context)
        self._clock.at(when, self._fire, handle)
        return handle

    def _fire(self, handle: asyncio.TimerHandle) -> None:
        if not handle._cancelled:
            self.ready.append(handle)
            self._wake()

    def _timer_handle_cancelled(self, handle: asyncio.TimerHandle) -> None:
        pass

    def create_future(self) -> asyncio.Future[Any]:
        return asyncio.Future(loop=self)

    def create_task(
        self, coro: Coroutine[Any, Any, Any], *, name: str | None = None, context: Context | None = None
    ) -> asyncio.Task[Any]:
        task: asyncio.Task[Any] = asyncio.Task(coro, loop=self, name=name, context=context)
        self.tasks.append(task)
        return task

    def call_exception_handler(self, context: dict[str, Any]) -> None:
        self.problems.append(context)
