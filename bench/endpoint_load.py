"""HTTP load from one process: closed loop (as fast as answers come) or open loop (a fixed rate), every answer checked.

Open-loop latency counts from the moment a request was due, not from when it could be sent, so that a server that stalls
cannot hide it.
"""

from __future__ import annotations

import asyncio
import random
import time
from collections import Counter, deque
from collections.abc import Callable
from dataclasses import dataclass, field

from endpoint_http import Answer, Connection


@dataclass
class Result:
    """What one run of load saw. Latencies in seconds, in order of completion; `sources` by what the body says.
    `foreign` answers are somebody else's, `empty` ones hold no item."""

    seconds: float = 0.0
    latencies_s: list[float] = field(default_factory=list)
    statuses: Counter[int] = field(default_factory=Counter)
    sources: Counter[str] = field(default_factory=Counter)
    foreign: int = 0
    empty: int = 0
    broken: int = 0
    timeline: list[tuple[float, float, str]] = field(default_factory=list)
    broken_at_s: list[float] = field(default_factory=list)

    @property
    def answers(self) -> int:
        """How many answers arrived."""
        return len(self.latencies_s)

    def quantile_ms(self, share: float) -> float:
        """A latency quantile in milliseconds."""
        ordered = sorted(self.latencies_s)
        return round(ordered[min(len(ordered) - 1, int(share * len(ordered)))] * 1000, 2) if ordered else float("nan")


class Load:
    """Requests for random users of `users`, over kept-alive connections to one port.

    `path` has one `%d`. `headers` are sent with every request. `checked`: the body must carry the user's own id.
    """

    def __init__(
        self,
        port: int,
        path: str,
        users: int,
        connections: int,
        headers: Callable[[int], str] = lambda _: "",
        *,
        checked: bool,
    ) -> None:
        self._port = port
        self._path = path
        self._users = users
        self._count = connections
        self._headers = headers
        self._checked = checked
        self._random = random.Random(7)
        self.result = Result()
        self._loop = asyncio.get_running_loop()
        self._due: deque[float] = deque()
        self._idle: list[Connection] = []
        self._endless = False
        self._running = True

    async def closed(self, seconds: float) -> Result:
        """Every connection asks again as soon as it is answered."""
        self._endless = True
        return await self._run(seconds, self._wait(seconds))

    async def open(self, seconds: float, rate: float) -> Result:
        """`rate` requests a second, evenly spaced, whatever the answers do."""
        return await self._run(seconds, self._pace(seconds, rate))

    def end(self) -> Result:
        """Stops the load before its time."""
        self._running = False
        return self.result

    def forget_timings(self) -> int:
        """Empties what would grow for ever in a long run; returns how many answers it stood for."""
        count = len(self.result.latencies_s)
        self.result.latencies_s.clear()
        self.result.timeline.clear()
        return count

    async def _run(self, seconds: float, driver: object) -> Result:
        for _ in range(self._count):
            await self._connect()
        began_s = time.perf_counter()
        await driver  # type: ignore[misc]  # a coroutine
        self._running = False
        self.result.seconds = time.perf_counter() - began_s
        return self.result

    async def _wait(self, seconds: float) -> None:
        for connection in self._idle:
            self._ask(connection, time.perf_counter())
        self._idle.clear()
        await asyncio.sleep(seconds)

    async def _pace(self, seconds: float, rate: float) -> None:
        began_s = time.perf_counter()
        sent = 0
        while self._running and (elapsed_s := time.perf_counter() - began_s) < seconds:
            while sent < elapsed_s * rate:
                self._due.append(began_s + sent / rate)
                sent += 1
            while self._due and self._idle:
                self._ask(self._idle.pop(), self._due.popleft())
            await asyncio.sleep(0.001)

    async def _connect(self) -> None:
        connection = Connection(self._answered, self._lost)
        await self._loop.create_connection(lambda: connection, "127.0.0.1", self._port)
        self._idle.append(connection)

    def _ask(self, connection: Connection, due_s: float) -> None:
        user = self._random.randrange(self._users)
        connection.ask(self._path % user, self._headers(user), user, due_s)

    def _answered(self, connection: Connection, answer: Answer) -> None:
        if not self._running:
            return
        result, now_s = self.result, time.perf_counter()
        result.latencies_s.append(now_s - answer.due_s)
        result.statuses[answer.status] += 1
        source = answer.source
        result.sources[source] += 1
        result.timeline.append((now_s, now_s - answer.due_s, source if answer.status == 200 else str(answer.status)))
        if self._checked and answer.is_empty:
            result.empty += 1
        elif self._checked and not answer.belongs_to(answer.user):
            result.foreign += 1
        if answer.closes:  # the server says that it takes no more on this connection; `_lost` makes another
            return
        if self._endless:
            self._ask(connection, now_s)
        elif self._due:
            self._ask(connection, self._due.popleft())
        else:
            self._idle.append(connection)

    def _lost(self, connection: Connection, asked: bool) -> None:
        if self._running:
            if asked:
                self.result.broken += 1
                self.result.broken_at_s.append(time.perf_counter())
            if connection in self._idle:
                self._idle.remove(connection)
            self._loop.create_task(self._reconnect())

    async def _reconnect(self) -> None:
        while self._running:
            try:
                await self._connect()
            except OSError:
                await asyncio.sleep(0.01)
                continue
            if self._endless:
                self._ask(self._idle.pop(), time.perf_counter())
            return
