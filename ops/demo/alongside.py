"""One piece of work with helpers beside it."""

import asyncio
from collections.abc import Collection, Coroutine
from typing import Any, TypeVar

Result = TypeVar("Result")

_CANCEL_AGAIN_S = 0.5


async def alongside(main: Coroutine[Any, Any, Result], *helpers: Coroutine[Any, Any, None]) -> Result:
    """Runs `main` and cancels the helpers when it is done. What a helper raises ends `main` and is raised here.

    Not a TaskGroup, because that cancels once: redis-py loses a cancellation that arrives while a reply does, and the
    group would wait for that task for ever.
    """
    main_task = asyncio.create_task(main)
    tasks: list[asyncio.Task[Any]] = [main_task, *(asyncio.create_task(helper) for helper in helpers)]
    running = set(tasks)
    try:
        while not main_task.done():
            done, running = await asyncio.wait(running, return_when=asyncio.FIRST_COMPLETED)
            for task in done:
                task.result()
        return main_task.result()
    finally:
        await _cancel(tasks)


async def _cancel(tasks: Collection[asyncio.Task[Any]]) -> None:
    while running := [task for task in tasks if not task.done()]:
        for task in running:
            task.cancel()
        await asyncio.wait(running, timeout=_CANCEL_AGAIN_S)
    for task in tasks:
        if not task.cancelled():
            task.exception()  # the first failure is being raised already; asyncio need not complain of the others
