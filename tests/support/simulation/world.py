"""Simulated time, processes that can be killed and frozen, and the network between them and the servers."""

import asyncio
import heapq
import random
from collections.abc import Callable
from itertools import count
from typing import Any

from simulation.event_loop import SimulatedLoop

#: Most answers take a few milliseconds, some take long enough for everything else to change meanwhile.
TYPICAL_LATENCY_S = 0.004
SLOW_LATENCY_S = 0.5
SLOW_SHARE = 0.03
RETRY_S = 0.03


class ProcessEnded(GeneratorExit):
    """Unwinds the code of a process that ended; nothing that it does after that reaches a server."""


class TryLater(Exception):
    """A server is not able to answer yet; the client asks again until it is."""


class World:
    """One heap of things to happen. Time only moves from one of them to the next."""

    def __init__(self, seed: int | str) -> None:
        self.random = random.Random(seed)
        self.now = 0.0
        self.events = 0
        self.kill_at: dict[int, Callable[[], None]] = {}  # event number -> what happens right before it
        self._heap: list[tuple[float, int, Callable[..., object], tuple[object, ...]]] = []
        self._numbers = count()
        self.processes: list[Process] = []

    def at(self, when: float, act: Callable[..., object], *arguments: object) -> None:
        """Runs `act` at a moment, after what was planned for it before."""
        heapq.heappush(self._heap, (when, next(self._numbers), act, arguments))

    def after(self, delay_s: float, act: Callable[..., object], *arguments: object) -> None:
        """Runs `act` in a while."""
        self.at(self.now + delay_s, act, *arguments)

    def run(self, until_s: float, done: Callable[[], bool]) -> bool:
        """Lets things happen until `done`, which is asked every simulated second; False when time ran out."""
        next_check = self.now
        while self._heap and self.now <= until_s:
            if self.now >= next_check:
                if done():
                    return True
                next_check = self.now + 0.2
            when, _, act, arguments = heapq.heappop(self._heap)
            self.now = when
            self.events += 1
            fault = self.kill_at.pop(self.events, None) if self.kill_at else None
            if fault is not None:
                fault()
            act(*arguments)
        return done()

    def close(self) -> None:
        """Ends every process for good."""
        for process in self.processes:
            process.kill()
            process.loop.unwind()

    def latency_s(self) -> float:
        """How long one way over the network takes."""
        draw = self.random.random()
        return SLOW_LATENCY_S * self.random.random() if draw < SLOW_SHARE else TYPICAL_LATENCY_S * draw


class Process:
    """A worker process: a loop, and a life that can end or pause at any event."""

    def __init__(self, world: World, name: str) -> None:
        self.world = world
        self.name = name
        self.alive = True
        self.frozen = False
        self.exit: tuple[int, BaseException] | None = None
        self.loop = SimulatedLoop(world, self.run_ready)
        self._line_free_s: dict[object, float] = {}
        world.processes.append(self)

    def may_run(self) -> bool:
        """True while the process is neither dead nor stopped."""
        return self.alive and not self.frozen

    def run_ready(self) -> None:
        """Runs everything that is ready in this process."""
        if self.may_run():
            self.loop.run_ready(self.may_run)

    def kill(self) -> None:
        """kill -9. What is on its way to a server may still arrive."""
        self.alive = False
        self.loop.ready.clear()

    def freeze(self) -> None:
        """SIGSTOP."""
        self.frozen = True

    def thaw(self) -> None:
        """SIGCONT: goes on exactly where it stopped."""
        self.frozen = False
        self.run_ready()

    def end(self, error: BaseException, code: int) -> None:
        """The process ends itself; raises so that its code does not go on."""
        if self.alive:
            self.exit = (code, error)
            self.kill()
        raise ProcessEnded from error

    async def call(self, line: object, serve: Callable[..., Any], *arguments: Any) -> Any:
        """One request to a server and its answer. Requests on the same `line` (connection) arrive in order."""
        if not self.alive:
            raise ProcessEnded
        world = self.world
        answer = self.loop.create_future()
        arrival = max(world.now + world.latency_s(), self._line_free_s.get(line, 0.0))
        self._line_free_s[line] = arrival
        world.at(arrival, self._arrive, answer, serve, arguments)
        return await answer

    async def loop_turn(self) -> None:
        """Lets the other tasks of the process go first, once."""
        turn = self.loop.create_future()
        self.loop.call_soon(turn.set_result, None)
        await turn

    async def pause(self, delay_s: float) -> None:
        """Waits in simulated time."""
        await asyncio.sleep(delay_s)

    def _arrive(self, answer: Any, serve: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if not self.alive and self.world.random.random() < 0.5:
            return  # it was still in the dead process's buffers
        try:
            result, error = serve(*arguments), None
        except TryLater:
            self.world.after(RETRY_S, self._retry, answer, serve, arguments)
            return
        except Exception as refused:  # noqa: BLE001  it travels to the caller
            result, error = None, refused
        if self.alive:
            self.world.after(self.world.latency_s(), self._answer, answer, result, error)

    def _retry(self, answer: Any, serve: Callable[..., Any], arguments: tuple[Any, ...]) -> None:
        if self.frozen:
            self.world.after(RETRY_S, self._retry, answer, serve, arguments)
        elif self.alive:
            self._arrive(answer, serve, arguments)

    def _answer(self, answer: Any, result: Any, error: Exception | None) -> None:
        if not self.alive:
            return
        self.loop.call_soon(_settle, answer, result, error)
        self.run_ready()


def _settle(answer: Any, result: Any, error: Exception | None) -> None:
    if answer.done():
        return
    if error is None:
        answer.set_result(result)
    else:
        answer.set_exception(error)


def current_process() -> Process:
    """The process whose code is running."""
    loop = asyncio.get_running_loop()
    assert isinstance(loop, SimulatedLoop)
    wake = loop._wake
    process: Process = wake.__self__  # type: ignore[attr-defined]
    return process
