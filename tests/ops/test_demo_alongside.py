"""Work with helpers beside it: who ends whom."""

import asyncio
import contextlib

import pytest

from ops.demo import alongside as module
from ops.demo.alongside import alongside


async def forever() -> None:
    await asyncio.Event().wait()


async def deaf(ended: list[str]) -> None:
    """Loses its first cancellation, as redis-py sometimes does."""
    with contextlib.suppress(asyncio.CancelledError):
        await forever()
    try:
        await forever()
    finally:
        ended.append("deaf")


@pytest.fixture(autouse=True)
def _impatient(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "_CANCEL_AGAIN_S", 0.01)


async def test_helpers_end_with_the_work_even_when_one_loses_a_cancellation() -> None:
    ended: list[str] = []
    assert await alongside(asyncio.sleep(0.01, "result"), forever(), deaf(ended)) == "result"
    assert ended == ["deaf"]


async def test_a_helper_that_ends_early_changes_nothing() -> None:
    assert await alongside(asyncio.sleep(0.01, "result"), asyncio.sleep(0)) == "result"


async def test_a_helper_that_fails_ends_the_work() -> None:
    async def fail() -> None:
        raise OSError("gone")

    with pytest.raises(OSError, match="gone"):
        await alongside(forever(), fail())


async def test_a_cancellation_from_outside_ends_everything() -> None:
    ended: list[str] = []
    task = asyncio.create_task(alongside(forever(), deaf(ended)))
    await asyncio.sleep(0.01)
    task.cancel()
    with pytest.raises(asyncio.CancelledError):
        await task
    assert ended == ["deaf"]
