"""One pipelined connection to Redis: many requests in one write, replies handed out in order.

redis-py spends 43–52 µs on a GET (pool, locks, a coroutine chain, a timeout each); this spends 3, because one write
carries many requests, and one timer watches the oldest of them instead of one timer each.

When to write (Nagle's rule): with nothing under way at the end of this turn of the loop; else with the next reply. So a
quiet process adds no delay, and a busy one, which gets its requests one by one from the server's threads, makes one
system call for all that came in while Redis was answering.
"""

from __future__ import annotations

import asyncio
from collections import deque
from collections.abc import Callable
from typing import Any, cast

import hiredis

from serving.redis_errors import RedisUnavailable

PIECE_BYTES = 8192  # hiredis moves everything behind a reply to the front of its buffer, each time
KEPT_BUFFER_BYTES = 1 << 20  # above this much free space hiredis gives its buffer back, to ask for it again at once


#: Told of an error and what was sent, with the future that waits; True = somebody else answers that.
Redirect = Callable[[str, bytes, "asyncio.Future[Any]"], bool]
ASKING = b"*1\r\n$6\r\nASKING\r\n"


class RedisWire(asyncio.Protocol):
    """The life of one connection; never reused after it is lost. Only its own event loop may touch it."""

    def __init__(self, loop: asyncio.AbstractEventLoop, redirect: Redirect | None = None) -> None:
        self.lost: asyncio.Future[None] = loop.create_future()
        self._loop = loop
        self._redirect = redirect
        self._waiters: deque[tuple[float, asyncio.Future[Any], bytes]] = deque()
        self._frames: list[bytes] = []
        self._reader = hiredis.Reader()
        self._reader.setmaxbuf(KEPT_BUFFER_BYTES)
        self._transport: asyncio.Transport | None = None

    @property
    def pending(self) -> int:
        """How many replies are outstanding, given up ones included."""
        return len(self._waiters)

    def send(self, frame: bytes, now_s: float) -> asyncio.Future[Any]:
        """Queues one command; the future gives its reply or raises RedisUnavailable. So does this once it is lost."""
        if self._transport is None:  # nobody is left who would answer or give up
            raise RedisUnavailable("the connection was lost")
        future: asyncio.Future[Any] = self._loop.create_future()
        if not self._frames and len(self._waiters) == 0:
            self._loop.call_soon(self._flush)
        self._frames.append(frame)
        self._waiters.append((now_s, future, frame))
        return future

    def take_over(self, frame: bytes, future: asyncio.Future[Any], now_s: float, asking: bool) -> None:
        """Queues what another node sent here; a node that sends it on again is not followed. Raises as `send`."""
        if self._transport is None:
            raise RedisUnavailable("the connection was lost")
        if asking:
            self.send(ASKING, now_s)
        elif not self._frames and len(self._waiters) == 0:
            self._loop.call_soon(self._flush)
        self._frames.append(frame)
        self._waiters.append((now_s, future, b""))

    def _flush(self) -> None:
        if self._transport is not None:
            self._transport.write(b"".join(self._frames))
        self._frames.clear()

    def data_received(self, data: bytes) -> None:
        """Hands every complete reply to the oldest waiter."""
        try:
            for start in range(0, len(data), PIECE_BYTES):
                self._reader.feed(data, start, min(PIECE_BYTES, len(data) - start))
                self._hand_out()
        except (hiredis.ProtocolError, IndexError):  # not RESP, or a reply that nobody asked for
            self.abort()
        if self._frames:
            self._flush()

    def _hand_out(self) -> None:
        gets, waiters = self._reader.gets, self._waiters
        while (reply := gets()) is not False:
            _, future, frame = waiters.popleft()
            if future.done():
                continue  # given up or cancelled; the slot kept the replies aligned
            if isinstance(reply, hiredis.ReplyError):  # hiredis returns errors as values
                if not frame or self._redirect is None or not self._redirect(str(reply), frame, future):
                    _fail(future, str(reply))
            else:
                future.set_result(reply)

    def give_up_late(self, now_s: float, deadline_s: float) -> float:
        """Fails the waiters older than the deadline, keeping their slots; returns the age of the oldest, 0 if none."""
        if not self._waiters:
            return 0.0
        for sent_s, future, _ in self._waiters:
            if now_s - sent_s <= deadline_s:
                break
            _fail(future, f"no reply within {deadline_s * 1000:.0f} ms")
        return now_s - self._waiters[0][0]

    def abort(self) -> None:
        """Drops the connection at once."""
        if self._transport is not None:
            self._transport.abort()

    def connection_made(self, transport: asyncio.BaseTransport) -> None:
        """Called by the loop."""
        self._transport = cast(asyncio.Transport, transport)  # uvloop's is no subclass of asyncio's

    def connection_lost(self, error: Exception | None) -> None:
        """Called by the loop: nobody will answer any more."""
        self._transport = None
        waiters, self._waiters = self._waiters, deque()
        for _, future, _ in waiters:
            _fail(future, f"the connection was lost: {error}")
        if not self.lost.done():
            self.lost.set_result(None)


def _fail(future: asyncio.Future[Any], why: str) -> None:
    if not future.done():
        # An instance each: one shared instance would collect the traceback of every raise.
        future.set_exception(RedisUnavailable(why))
        future.exception()  # marks it as seen: the asker may be gone, and nobody needs to hear of it then
