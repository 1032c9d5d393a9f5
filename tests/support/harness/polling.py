"""Waiting for a condition, never for a time."""

import asyncio
from collections.abc import Awaitable, Callable
from typing import TypeVar

from harness.patience import Patience

POLL_S = 0.1
T = TypeVar("T")


async def nothing_known() -> None:
    """The progress of what shows none."""


async def eventually(
    what: str,
    condition: Callable[[], Awaitable[T]],
    timeout_s: float = 120.0,
    progress: Callable[[], Awaitable[object]] = nothing_known,
) -> T:
    """The first true answer of `condition`, asked again and again. Fails with what it waited for after `timeout_s` in
    which `progress` was the same; see `harness.patience` for how seconds are counted on a busy machine."""
    patience, before = Patience(timeout_s), await progress()
    while not (answer := await condition()):
        if patience.is_over:
            if (now := await progress()) == before:
                raise AssertionError(f"after {timeout_s:g} s still not: {what} (last answer: {answer!r})")
            patience, before = Patience(timeout_s), now
        await asyncio.sleep(POLL_S)
    return answer
