"""A worker's heartbeat in Redis: who works on what, and what of it fails. For `freshet status` and the demo; nothing
depends on it."""

import asyncio
import logging
import os
import time
from collections.abc import Callable, Mapping
from contextlib import suppress

import orjson

from agents.delivery.ownership import Ownership
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from serving.supervisor import LoopSupervisor

logger = logging.getLogger(__name__)

INTERVAL_S = 1.0
#: The event loop is said to have been kept when a beat comes so late: what waits meanwhile, transactions and the
#: group's heartbeats among it, has its own limits, of several seconds.
LATE_S = 1.0
TTL_S = 10


class Heartbeat:
    """Writes `worker:{instance}` once a second with the owned partitions, their positions, the counters given, the
    `code` that runs and the background tasks that fail. Workers in containers, whose process ids are the same, stay
    apart."""

    def __init__(
        self,
        writer: ListWriter,
        keys: Keys,
        instance: str,
        ownership: Ownership,
        counters: Callable[[], Mapping[str, int]],
        code: str,
        supervisor: LoopSupervisor,
    ) -> None:
        self._writer = writer
        self._instance = instance
        self._supervisor = supervisor
        self._key = f"{keys.prefix}worker:{instance}"
        self._ownership = ownership
        self._counters = counters
        self._code = code
        self.latest_ms = 0
        """How late a beat came, at most."""

    async def run(self) -> None:
        """Beats until cancelled; a missing Redis is noticed by everything else and ignored here."""
        while True:
            with suppress(RedisUnavailable):  # the heartbeat is absent exactly when Redis is
                await self._writer.write_plain(self._key, self._state(), TTL_S)
            before_s = time.monotonic()
            await asyncio.sleep(INTERVAL_S)
            self._note_lateness(time.monotonic() - before_s - INTERVAL_S)

    def _note_lateness(self, late_s: float) -> None:
        self.latest_ms = max(self.latest_ms, round(late_s * 1000))
        if late_s > LATE_S:
            logger.warning("nothing else ran for %.1f s: the event loop was kept, or the process slept", late_s)

    def _state(self) -> bytes:
        positions = {f"{tp.topic}:{tp.partition}": task.position for tp, task in self._ownership.tasks.items()}
        about = {
            "instance": self._instance,
            "pid": os.getpid(),
            "at_ms": time.time_ns() // 1_000_000,
            "code": self._code,
            "failing": self._supervisor.failing,
            "loop_late_max_ms": self.latest_ms,
            "task_restarts": self._supervisor.restarts.total(),
        }
        return orjson.dumps({**about, "positions": positions, **self._counters()})
