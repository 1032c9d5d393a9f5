"""A worker's sign of life in Redis: who works on what. For `freshet status` and the demo; nothing depends on it."""

import asyncio
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import orjson

from agents.delivery.ownership import Ownership
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter

INTERVAL_S = 1.0
TTL_S = 10


class Heartbeat:
    """Writes `worker:{pid}` once a second with the owned partitions, their positions and the counters given."""

    def __init__(
        self, writer: ListWriter, keys: Keys, ownership: Ownership, counters: Callable[[], Mapping[str, int]]
    ) -> None:
        self._writer = writer
        self._key = f"{keys.prefix}worker:{os.getpid()}"
        self._ownership = ownership
        self._counters = counters

    async def run(self) -> None:
        """Beats until cancelled; a missing Redis is noticed by everything else and ignored here."""
        while True:
            with suppress(RedisUnavailable):  # the sign of life is absent exactly when Redis is
                await self._writer.write_plain(self._key, self._state(), TTL_S)
            await asyncio.sleep(INTERVAL_S)

    def _state(self) -> bytes:
        positions = {f"{tp.topic}:{tp.partition}": task.position for tp, task in self._ownership.tasks.items()}
        return orjson.dumps(
            {"pid": os.getpid(), "at_ms": time.time_ns() // 1_000_000, "positions": positions, **self._counters()}
        )
