"""Keeps the background loops of a process alive: one that fails is said, counted, and begun again after a pause.

    supervisor = Supervisor()
    supervisor.keep("metrics", self._keep_saving)
    supervisor.failing        # {"metrics": "OSError: [Errno 28] No space left on device"}
    await supervisor.close()

An exception in a task that nobody awaits is silence: what the loop kept fresh stays as it was, while the process looks
well. So no loop of ours is a bare task. A loop that returns is done; one that is to go on for ever does not return.
"""

from __future__ import annotations

import asyncio
import logging
import time
from collections import Counter
from collections.abc import Callable, Coroutine
from typing import Any

log = logging.getLogger(__name__)

Loop = Callable[[], Coroutine[Any, Any, None]]

FIRST_PAUSE_S = 0.1
LONGEST_PAUSE_S = 10.0
#: A loop that has run for so long since it was begun again is well.
CALM_S = 5.0
CANCEL_AGAIN_S = 0.5


def is_asked_to_end() -> bool:
    """Of a CancelledError: whether the running task is cancelled, and not something that it waited for."""
    task = asyncio.current_task()
    return task is not None and task.cancelling() > 0


class LoopSupervisor:
    """Made anywhere, used within one event loop. `restarts` counts by name. After `most_failures` in a row, none of
    them CALM_S after the one before, a loop is given up and `gave_up` set; None: never."""

    def __init__(self, most_failures: int | None = None) -> None:
        self.restarts: Counter[str] = Counter()
        self.gave_up = asyncio.Event()
        self._most_failures = most_failures
        self._tasks: dict[str, asyncio.Task[None]] = {}
        self._why: dict[str, str] = {}
        self._well_at_s: dict[str, float] = {}

    def keep(self, name: str, loop: Loop) -> asyncio.Task[None]:
        """Begins a loop. `loop` is called again for each new beginning."""
        task = self._tasks[name] = asyncio.get_running_loop().create_task(self._keep(name, loop), name=name)
        return task

    @property
    def failing(self) -> dict[str, str]:
        """What the loops met that failed and have not been well since, by name."""
        now_s = time.monotonic()
        return {name: why for name, why in self._why.items() if self._well_at_s[name] > now_s}

    async def close(self) -> None:
        """Ends every loop. Asks again and again: redis-py loses a cancellation that arrives while a reply does."""
        while running := [task for task in self._tasks.values() if not task.done()]:
            for task in running:
                task.cancel()
            await asyncio.wait(running, timeout=CANCEL_AGAIN_S)

    async def _keep(self, name: str, loop: Loop) -> None:
        failures = 0
        while True:
            began_s = time.monotonic()
            try:
                await loop()
            except asyncio.CancelledError as error:
                if is_asked_to_end():
                    raise
                failure: BaseException = error  # of something that the loop waited for
            except Exception as error:  # noqa: BLE001  whatever it is: it is said, counted, and tried again
                failure = error
            else:
                return
            failures = 1 if time.monotonic() - began_s >= CALM_S else failures + 1
            if self._most_failures is not None and failures >= self._most_failures:
                log.critical("%s failed %d times in a row and is given up", name, failures, exc_info=failure)
                self._note(name, failure, float("inf"))
                self.gave_up.set()
                return
            pause_s = min(FIRST_PAUSE_S * 2 ** (failures - 1), LONGEST_PAUSE_S)
            self.restarts[name] += 1
            self._note(name, failure, pause_s + CALM_S)
            log.error("%s failed and begins again in %.1f s", name, pause_s, exc_info=failure)
            await asyncio.sleep(pause_s)

    def _note(self, name: str, failure: BaseException, well_after_s: float) -> None:
        self._why[name] = f"{type(failure).__name__}: {failure}"
        self._well_at_s[name] = time.monotonic() + well_after_s
