"""Waiting for a condition, never for a time."""

import asyncio
import time
from collections.abc import Awaitable, Callable
from typing import TypeVar

POLL_S = 0.1
T = TypeVar("T")


async def eventually(what: str, condition: Callable[[], Awaitable[T]], timeout_s: float = 120.0) -> T:
    """The first true answer of `condition`, asked again and again. Fails after `timeout_s` with what it waited for."""
    deadline = time.monotonic() + timeout_s
    while not (answer := await condition()):
        if time.monotonic() > deadline:
            raise AssertionError(f"after {timeout_s:g} s still not: {what} (last answer: {answer!r})")
        await asyncio.sleep(POLL_S)
    return answer
