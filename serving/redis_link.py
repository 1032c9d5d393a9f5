"""The link that never makes a reader wait: one pipelined connection, a deadline, a circuit breaker, reconnecting.

    closed ──a reply is late──▶ open ──a probe (PING) is answered in time──▶ closed
      ▲                          │ the oldest reply is very late, or the connection is lost
      └──connected, greeted──────┴──▶ connecting, again and again

While it is open every request fails at once, so a hung Redis costs a reader one deadline at most, once.
"""

from __future__ import annotations

import asyncio
import contextlib
import logging
from collections.abc import Awaitable, Callable
from typing import Any, Protocol

from serving import resp
from serving.redis_address import RedisAddress
from serving.redis_errors import RedisUnavailable
from serving.redis_wire import Redirect, RedisWire
from serving.supervisor import LoopSupervisor

log = logging.getLogger(__name__)

DEADLINE_S = 0.025  # of a reply
SWEEP_S = 0.005  # the deadline's resolution
ABORT_S = 0.5  # a reply this late means that the connection is dead
PROBE_S = 0.1
CONNECT_S = 0.25
RECONNECT_S = (0.02, 0.25)  # first and longest pause between attempts


#: Finds the server to connect to, each time anew. Raises OSError, TimeoutError or RedisUnavailable.
FindServer = Callable[[], Awaitable[RedisAddress]]


class Link(Protocol):
    """How the endpoint asks Redis, wherever the key is that a command names."""

    @property
    def trips(self) -> int:
        """How often requests began to fail at once."""

    @property
    def connects(self) -> int:
        """Connections that were made."""

    @property
    def why_down(self) -> str:
        """What the last attempt to connect met; "" = nothing."""

    @property
    def is_up(self) -> bool:
        """Whether requests are being sent now, for any key."""

    def serves(self, key: bytes) -> bool:
        """Whether requests for a key are being sent now."""

    async def start(self, wait_s: float = 1.0) -> None:
        """Begins connecting and waits a moment for the first success; a Redis that is away is not an error."""

    async def close(self) -> None:
        """Ends the connection; requests under way fail."""

    def send(self, frame: bytes, key: bytes) -> asyncio.Future[Any]:
        """One command, which names `key` first. Raises RedisUnavailable at once while it cannot be sent."""

    def get(self, key: bytes) -> asyncio.Future[bytes | None]:
        """The value under a key, or None."""

    def ping(self) -> asyncio.Future[Any]:
        """Asks for a sign of life, of each server in turn. Raises RedisUnavailable."""

    def reset(self, key: bytes) -> None:
        """Drops the connection that answers for a key because its replies make no sense; a new one is made."""


class RedisLink:
    """Sends commands to one Redis. Made and used within one event loop.

    `on_connect` are frames sent after each (re)connect, for instance SCRIPT LOAD; their replies are not looked at.
    `find` says where the server is, else it is at `address`. `redirect` is told of errors, see `RedisWire`.
    """

    def __init__(
        self,
        address: RedisAddress,
        *,
        deadline_s: float = DEADLINE_S,
        on_connect: tuple[bytes, ...] = (),
        supervisor: LoopSupervisor | None = None,
        find: FindServer | None = None,
        redirect: Redirect | None = None,
        name: str = "redis link",
    ) -> None:
        self.trips = 0
        self.connects = 0
        self.why_down = ""  # what the last attempt to connect met
        self._address = address
        self._deadline_s = deadline_s
        self._on_connect = on_connect
        self._supervisor = supervisor or LoopSupervisor()
        self._find = find
        self._redirect = redirect
        self._name = name
        self._loop = asyncio.get_running_loop()
        self._wire: RedisWire | None = None
        self._closed_circuit = False
        self._first_connect = asyncio.Event()
        self._now_s = self._loop.time()
        self._skipped_sweep = False
        self._next_probe_s = 0.0
        self._keeper: asyncio.Task[None] | None = None
        self._sweeper: asyncio.TimerHandle | None = None

    @property
    def is_up(self) -> bool:
        """Whether requests are being sent now."""
        return self._closed_circuit

    async def start(self, wait_s: float = 1.0) -> None:
        """Begins connecting and waits a moment for the first success; a Redis that is away is not an error."""
        self.open()
        with contextlib.suppress(TimeoutError):
            async with asyncio.timeout(wait_s):
                await self._first_connect.wait()

    def open(self) -> None:
        """Begins connecting."""
        self._keeper = self._supervisor.keep(self._name, self._keep_connected)
        self._sweep()

    async def close(self) -> None:
        """Ends the connection; requests under way fail."""
        if self._sweeper is not None:
            self._sweeper.cancel()
        if self._keeper is not None:
            self._keeper.cancel()
            await asyncio.gather(self._keeper, return_exceptions=True)
        self._closed_circuit = False
        if self._wire is not None:
            self._wire.abort()

    def serves(self, key: bytes) -> bool:
        """See `Link`."""
        return self._closed_circuit

    def send(self, frame: bytes, key: bytes = b"") -> asyncio.Future[Any]:
        """One command, whichever key it names. Raises RedisUnavailable at once while the circuit is open."""
        wire = self._wire
        if not self._closed_circuit or wire is None:
            raise RedisUnavailable("the circuit is open")
        return wire.send(frame, self._now_s)

    def get(self, key: bytes) -> asyncio.Future[bytes | None]:
        """The value under a key, or None."""
        return self.send(resp.get(key))

    def ping(self) -> asyncio.Future[Any]:
        """See `Link`."""
        return self.send(resp.PING)

    def take_over(self, frame: bytes, future: asyncio.Future[Any], asking: bool) -> None:
        """See `RedisWire.take_over`. Raises RedisUnavailable."""
        if not self._closed_circuit or self._wire is None:
            raise RedisUnavailable("the circuit is open")
        self._wire.take_over(frame, future, self._now_s, asking)

    def reset(self, key: bytes = b"") -> None:
        """Drops the connection because its replies make no sense; a new one is made."""
        self._closed_circuit = False
        if self._wire is not None:
            self._wire.abort()

    async def _keep_connected(self) -> None:
        pause_s = RECONNECT_S[0]
        while True:
            wire: RedisWire | None = None
            try:
                wire = await self._connect()
                self.connects += 1
                pause_s = RECONNECT_S[0]
                self._wire, self._closed_circuit, self.why_down = wire, True, ""
                self._first_connect.set()
                await wire.lost
            except (OSError, TimeoutError, RedisUnavailable) as error:
                if str(error) != self.why_down:
                    self.why_down = str(error)
                    log.warning("cannot connect to Redis: %s", error or "no answer in time")
                pause_s = min(pause_s * 2, RECONNECT_S[1])
            finally:
                self._wire, self._closed_circuit = None, False
            await asyncio.sleep(pause_s)

    async def _connect(self) -> RedisWire:
        wire = RedisWire(self._loop, self._redirect)
        address = self._address if self._find is None else await self._find()
        try:
            async with asyncio.timeout(CONNECT_S):
                await self._loop.create_connection(lambda: wire, address.host, address.port, ssl=address.tls)
                now_s = self._loop.time()
                greetings = [wire.send(frame, now_s) for frame in (*address.greeting, resp.PING)]
                scripts = [wire.send(frame, now_s) for frame in self._on_connect]
                await asyncio.gather(*greetings)
                await asyncio.gather(*scripts)
        except BaseException:
            wire.abort()
            raise
        return wire

    def _sweep(self) -> None:
        self._sweeper = self._loop.call_later(SWEEP_S, self._sweep)  # first: whatever the rest meets, it goes on
        now_s = self._loop.time()
        stalled = now_s - self._now_s > 4 * SWEEP_S and not self._skipped_sweep
        self._now_s = now_s
        # After a stall of our own loop the replies may already wait in the socket: read before evaluating.
        self._skipped_sweep = stalled
        if self._wire is not None and not stalled and not self._wire.lost.done():
            self._check_latency(self._wire, now_s)

    def _check_latency(self, wire: RedisWire, now_s: float) -> None:
        oldest_s = wire.give_up_late(now_s, self._deadline_s)
        if oldest_s > self._deadline_s:
            if self._closed_circuit:
                self._closed_circuit = False
                self.trips += 1
            if oldest_s > ABORT_S:
                wire.abort()
        elif not self._closed_circuit and not wire.pending and now_s >= self._next_probe_s:
            self._next_probe_s = now_s + PROBE_S
            wire.send(resp.PING, now_s).add_done_callback(self._probed)

    def _probed(self, probe: asyncio.Future[Any]) -> None:
        if not probe.cancelled() and probe.exception() is None and self._wire is not None:
            self._closed_circuit = True
