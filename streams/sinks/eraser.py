"""Carries erasures out in a store, and looks again whether a write that came late has brought an erased user back.

A process may stand still in the middle of a write for longer than its session: somebody else has its partitions then,
may erase a user, and the write still arrives. No store refuses that. So

* whoever wrote late finds out by itself (it took too long, its partitions were taken away, its positions are refused)
  and carries out again what was ordered since the rows were made;
* whoever carried an erasure out looks again a minute and a quarter of an hour later: the late one may have died since.
"""

from __future__ import annotations

import heapq
import logging
import time
from collections.abc import Mapping
from itertools import count
from typing import Final

from aiokafka.structs import ConsumerRecord, TopicPartition

from streams.kafka.bulk_read import bulk_consumer
from streams.sinks.config import SinkConfig
from streams.sinks.erasures import SinkErasures
from streams.sinks.log_reads import read_between
from streams.sinks.metrics import SinkMetrics
from streams.sinks.sink import Erasure, Sink
from streams.sinks.store_calls import StoreCalls

logger = logging.getLogger(__name__)

#: When an erasure is looked at again, after it was ordered.
AGAIN_S: Final = (60.0, 900.0)


class Eraser:
    """Of one process. `calls` are those of `sink`."""

    def __init__(self, config: SinkConfig, sink: Sink, calls: StoreCalls, metrics: SinkMetrics) -> None:
        self._config = config
        self._sink = sink
        self._calls = calls
        self._metrics = metrics
        self._again: list[tuple[float, int, Erasure]] = []  # a heap: when, by the clock of times of records
        self._order = count()
        self._suspected: dict[int, int] = {}

    async def erase(self, erasure: Erasure, ordered_ms: int) -> None:
        """Removes a user and looks whether they are gone. Raises `NotOurs`."""
        await self._until_gone(erasure)
        self._metrics.erased += 1
        self.look_again(erasure, ordered_ms)

    def look_again(self, erasure: Erasure, ordered_ms: int) -> None:
        """An erasure that was ordered then is looked at again at its times, those that are over left out."""
        now_s = time.time()
        for after_s in AGAIN_S:
            if (due_s := ordered_ms / 1000 + after_s) > now_s:
                heapq.heappush(self._again, (due_s, next(self._order), erasure))

    def suspect(self, known: Mapping[int, int]) -> None:
        """Rows may have been written when their partitions were somebody else's. `known`: up to which offset of a
        partition's erasures they were made."""
        for partition, offset in known.items():
            self._suspected[partition] = min(offset, self._suspected.get(partition, offset))

    def let_go(self) -> None:
        """What is ours no more is looked at by the next owner; what was written late only by us."""
        self._again.clear()

    @property
    def has_to_look(self) -> bool:
        """Whether `look` has something to do."""
        return bool(self._suspected) or (bool(self._again) and self._again[0][0] <= time.time())

    async def look(self) -> None:
        """Looks at what is due. Raises `NotOurs`, and begins with the same next time."""
        while self._suspected:
            partition, offset = next(iter(self._suspected.items()))
            for erasure in await self._ordered_since(partition, offset):
                await self._gone(erasure)
            del self._suspected[partition]
        while self._again and self._again[0][0] <= time.time():
            await self._gone(self._again[0][2])
            heapq.heappop(self._again)

    async def _gone(self, erasure: Erasure) -> None:
        back = await self._calls.patiently(lambda: self._sink.count(erasure))
        if back:
            logger.warning("%s: a late write brought back %d rows of %s", self._sink.name, back, erasure.name)
            await self._until_gone(erasure)

    async def _until_gone(self, erasure: Erasure) -> None:
        while True:
            await self._calls.patiently(lambda: self._sink.erase(erasure))
            left = await self._calls.patiently(lambda: self._sink.count(erasure))
            if left == 0:
                return
            await self._calls.wait_after(f"{left} rows of {erasure.name} are still there")

    async def _ordered_since(self, partition: int, offset: int) -> list[Erasure]:
        topics = self._config.topics
        erasures, tp = SinkErasures(topics, self._config.identities), TopicPartition(topics.erasure, partition)
        found: list[Erasure] = []

        def apply(record: ConsumerRecord) -> None:
            if (erasure := erasures.apply(record)) is not None:
                found.append(erasure)

        async with bulk_consumer(self._config.bootstrap) as reader:
            await read_between(reader, [tp], apply, starts={tp: offset})
        return found
