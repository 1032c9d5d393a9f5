"""Waiting for a condition, with an end and a reason."""

import asyncio
import time
from collections.abc import Awaitable, Callable

from ops.processes.errors import ProcessFailed

_POLL_S = 0.1


async def until(condition: Callable[[], Awaitable[bool]], timeout_s: float, complaint: Callable[[], str]) -> None:
    """Returns when the condition holds. Raises `ProcessFailed` with the complaint when it does not in time."""
    deadline = time.monotonic() + timeout_s
    while not await condition():
        if time.monotonic() > deadline:
            raise ProcessFailed(f"{complaint()} within {timeout_s:g} s")
        await asyncio.sleep(_POLL_S)
