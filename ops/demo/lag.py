"""What is in the log and what the group has folded of it."""

import asyncio
import time
from contextlib import AsyncExitStack
from dataclasses import dataclass
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from ops.demo.errors import DemoError
from ops.demo.waiting import until
from streams.bulk_read import bulk_consumer, partitions_of
from streams.topics import Topics

DRAIN_TIMEOUT_S = 120.0
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Positions:
    """Offsets of the interactions topic by partition: its end, and where the group goes on."""

    ends: dict[int, int]
    committed: dict[int, int]

    @property
    def lag(self) -> int:
        """Records that are in the log and not folded."""
        return sum(self.ends.values()) - self.folded

    @property
    def folded(self) -> int:
        """Records whose outcome is committed."""
        return sum(self.committed.values())


class LagReader:
    """Use as an async context manager."""

    def __init__(self, bootstrap: str, topics: Topics) -> None:
        self._bootstrap = bootstrap
        self._topics = topics
        self._open = AsyncExitStack()

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:
            self._consumer = AIOKafkaConsumer(bootstrap_servers=self._bootstrap, enable_auto_commit=False)
            opening.push_async_callback(self._consumer.stop)
            await self._consumer.start()
            # The same question asked read-committed is answered with the end of the last finished transaction.
            self._committed_reader = await opening.enter_async_context(bulk_consumer(self._bootstrap))
            self._admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
            opening.push_async_callback(self._admin.close)
            await self._admin.start()
            self._partitions = await partitions_of(self._consumer, [self._topics.interactions])
            self._outputs = await partitions_of(
                self._consumer, [self._topics.user_changelog, self._topics.dead_letters]
            )
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def read(self) -> Positions:
        """The positions now; a partition that was never committed counts from 0. Raises aiokafka's `KafkaError`."""
        committed = await self._admin.list_consumer_group_offsets(
            self._topics.consumer_group, partitions=self._partitions
        )
        ends = await self._consumer.end_offsets(self._partitions)
        return Positions(
            ends={tp.partition: end for tp, end in ends.items()},
            committed={tp.partition: max(0, meta.offset) for tp, meta in committed.items()},
        )

    async def wait_until_drained(self) -> Positions:
        """Returns when nothing is left to fold and everything folded can be read. Raises `DemoError`."""
        positions = await self._wait_until_folded()
        await until(self._is_readable, DRAIN_TIMEOUT_S, lambda: "the last transactions did not end")
        return positions

    async def _is_readable(self) -> bool:
        """Whether no transaction is open on the rows and dead letters. A transaction that is acknowledged as committed
        becomes visible partition by partition, its offsets maybe before its rows.
        """
        ends = await self._consumer.end_offsets(self._outputs)
        readable: dict[TopicPartition, int] = await self._committed_reader.end_offsets(self._outputs)
        return bool(readable == ends)

    async def _wait_until_folded(self) -> Positions:
        best, since_s = -1, time.monotonic()
        while True:
            try:
                positions = await self.read()
            except KafkaError as failure:
                if not failure.retriable:
                    raise
            else:
                if positions.lag == 0:
                    return positions
                if positions.folded > best:
                    best, since_s = positions.folded, time.monotonic()
            if time.monotonic() - since_s > DRAIN_TIMEOUT_S:
                raise DemoError(f"the workers folded {best} records and then none for {DRAIN_TIMEOUT_S:g} s")
            await asyncio.sleep(_POLL_S)
