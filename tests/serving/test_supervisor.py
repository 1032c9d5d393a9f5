"""A background loop that fails is begun again, counted and named; one that fails for ever may be given up."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest
from harness.patience import within

from serving import supervisor as module
from serving.supervisor import LoopSupervisor

TIMEOUT_S = 10


@pytest.fixture
async def supervisor(monkeypatch: pytest.MonkeyPatch) -> AsyncIterator[LoopSupervisor]:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    monkeypatch.setattr(module, "LONGEST_PAUSE_S", 0.01)
    made = LoopSupervisor()
    yield made
    await made.close()


class Failing:
    """Fails so many times, then goes on for ever."""

    def __init__(self, times: int, error: BaseException) -> None:
        self.left = times
        self.error = error
        self.runs_well = asyncio.Event()

    async def __call__(self) -> None:
        if self.left:
            self.left -= 1
            raise self.error
        self.runs_well.set()
        await asyncio.Event().wait()


@pytest.mark.parametrize("error", [OSError(28, "No space left on device"), asyncio.CancelledError()])
async def test_a_loop_that_fails_begins_again_and_says_so(supervisor: LoopSupervisor, error: BaseException) -> None:
    loop = Failing(3, error)
    supervisor.keep("metrics", loop)
    await within(TIMEOUT_S, loop.runs_well.wait())
    assert supervisor.restarts == {"metrics": 3}
    assert list(supervisor.failing) == ["metrics"]
    assert type(error).__name__ in supervisor.failing["metrics"]


async def test_a_loop_that_has_run_for_a_while_is_well(
    supervisor: LoopSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CALM_S", 0.01)
    supervisor.keep("x", Failing(1, ValueError("once")))
    async with asyncio.timeout(TIMEOUT_S):
        while not supervisor.restarts or supervisor.failing:  # noqa: ASYNC110  # time is what is waited for
            await asyncio.sleep(0.005)


async def test_one_that_fails_does_not_touch_the_others_and_an_end_is_no_failure(supervisor: LoopSupervisor) -> None:
    well, done = Failing(0, ValueError()), asyncio.Event()

    async def ends() -> None:
        done.set()

    supervisor.keep("bad", Failing(10**6, ValueError("for ever")))
    other, ended = supervisor.keep("good", well), supervisor.keep("ends", ends)
    await within(TIMEOUT_S, done.wait())
    await ended
    assert not other.done()
    assert "ends" not in supervisor.restarts
    await supervisor.close()
    assert other.cancelled()


async def test_a_loop_that_fails_for_ever_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "FIRST_PAUSE_S", 0.001)
    supervisor = LoopSupervisor(most_failures=4)
    supervisor.keep("shared lists", Failing(10**6, ValueError("for ever")))
    await within(TIMEOUT_S, supervisor.gave_up.wait())
    assert supervisor.failing == {"shared lists": "ValueError: for ever"}
    assert supervisor.restarts == {"shared lists": 3}


async def test_a_loop_that_loses_a_cancellation_is_asked_again(
    supervisor: LoopSupervisor, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(module, "CANCEL_AGAIN_S", 0.01)
    lost = 0

    async def loses_some() -> None:
        nonlocal lost
        while True:
            try:
                await asyncio.Event().wait()
            except asyncio.CancelledError:
                lost += 1
                if lost > 2:
                    raise

    task = supervisor.keep("redis", loses_some)
    await asyncio.sleep(0)
    await asyncio.wait_for(supervisor.close(), TIMEOUT_S)
    assert task.cancelled()
    assert lost == 3
