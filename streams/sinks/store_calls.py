"""Calls of a store from the event loop: one at a time, in a thread, again until the store takes them."""

from __future__ import annotations

import asyncio
import logging
import random
from collections.abc import Callable
from concurrent.futures import ThreadPoolExecutor
from functools import partial
from typing import TypeVar

from streams.sinks.backoff import Backoff
from streams.sinks.metrics import SinkMetrics
from streams.sinks.sink import Sink, StoreUnavailable

logger = logging.getLogger(__name__)

T = TypeVar("T")


class NotOurs(Exception):
    """The partitions were taken away, or the process is asked to end: what was begun is left to the next owner."""


class StoreCalls:
    """`stopping` is set for good once the process is to end, `taken_away` while no partition is ours."""

    def __init__(self, sink: Sink, metrics: SinkMetrics) -> None:
        self.stopping = asyncio.Event()
        self.taken_away = asyncio.Event()
        self._sink = sink
        self._metrics = metrics
        self._backoff = Backoff(random.random)
        self._thread = ThreadPoolExecutor(1, f"sink-{sink.name}")

    async def patiently(self, act: Callable[[], T]) -> T:
        """Until the store takes it. Raises `NotOurs` when it is not ours to do any more."""
        while True:
            try:
                result = await self.in_thread(act)
            except StoreUnavailable as failure:
                self._metrics.retries += 1
                await self.wait_after(str(failure))
            else:
                self._backoff.succeeded()
                self._metrics.circuit_open = False
                return result

    async def wait_after(self, failure: str) -> None:
        """Says what did not succeed and waits, longer each time. Raises `NotOurs`."""
        wait_s = self._backoff.failed()
        self._metrics.circuit_open = self._backoff.is_open
        logger.warning("%s: %s; tried again in %.1f s", self._sink.name, failure, wait_s)
        await self._wait(wait_s)

    async def in_thread(self, act: Callable[[], T]) -> T:
        """Once, whatever comes of it."""
        return await asyncio.get_running_loop().run_in_executor(self._thread, act)

    async def close(self) -> None:
        """Closes the store, and the thread."""
        await self.in_thread(partial(self._sink.close))
        self._thread.shutdown()

    async def _wait(self, seconds: float) -> None:
        waits = [asyncio.create_task(event.wait()) for event in (self.stopping, self.taken_away)]
        try:
            await asyncio.wait(waits, timeout=seconds, return_when=asyncio.FIRST_COMPLETED)
        finally:
            for task in waits:
                task.cancel()
        if self.stopping.is_set() or self.taken_away.is_set():
            raise NotOurs
