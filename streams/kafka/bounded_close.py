"""Stands in aiokafka's place where a TLS connection is closed.

A client's `stop` waits for each of its connections to be lost. Over TLS that takes until the broker closes its side
too, which some brokers leave undone, or until the event loop's own patience ends: 30 s a connection with asyncio and
uvloop, and aiokafka asks for no other. A worker has less than that to end.
"""

import asyncio
from typing import Any

from aiokafka.conn import AIOKafkaConnection

#: How long a closed TLS connection waits for the broker to close it as well.
CLOSE_S = 1.0

_close = AIOKafkaConnection.close


def _bounded_close(self: Any, reason: Any = None, exc: BaseException | None = None) -> asyncio.Future[None] | None:
    writer = self._writer
    lost: asyncio.Future[None] | None = _close(self, reason, exc)
    if writer is not None and self._ssl_context is not None and lost is not None:
        timer = self._loop.call_later(CLOSE_S, writer.transport.abort)
        lost.add_done_callback(lambda _: timer.cancel())
    return lost


def install() -> None:
    """From now on every connection of this process closes in time. May be repeated."""
    AIOKafkaConnection.close = _bounded_close
