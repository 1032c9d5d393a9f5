"""How far a version's consumer group has read, and whether anything is left to read."""

import asyncio
import time
from collections.abc import Awaitable, Callable, Iterable
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Self, TypeVar

from aiokafka import AIOKafkaConsumer
from aiokafka.errors import GroupCoordinatorNotAvailableError, KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from streams.kafka import clients
from streams.kafka.bulk_read import bulk_consumer, partitions_of
from streams.kafka.log_rest import with_records
from streams.kafka.partition_times import PartitionTime, time_in

STABLE = "Stable"
#: A broker that just started finds the coordinator of a group only after a moment.
RETRY_FOR_S = 30.0
RETRY_EVERY_S = 0.1

T = TypeVar("T")


class GroupProgress:
    """Questions about one group and the topics it reads; use it as
    `async with GroupProgress(bootstrap, group) as p`."""

    def __init__(self, bootstrap: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._open = AsyncExitStack()
        self._partitions: dict[str, list[TopicPartition]] = {}

    async def __aenter__(self) -> Self:
        async with AsyncExitStack() as opening:  # what is open when a later connection fails is closed again
            self._admin = clients.admin(self._bootstrap)
            opening.push_async_callback(self._admin.close)
            await self._admin.start()
            self._reader: AIOKafkaConsumer = await opening.enter_async_context(bulk_consumer(self._bootstrap))
            # A read-committed consumer sees the end of the last finished transaction; this one sees the log's end.
            self._ends = clients.consumer(self._bootstrap, enable_auto_commit=False)
            opening.push_async_callback(self._ends.stop)
            await self._ends.start()
            self._open = opening.pop_all()
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    async def members(self) -> int:
        """Members of the group; 0 while it rebalances or does not exist."""
        answers = await _retried(lambda: self._admin.describe_consumer_groups([self._group]))
        return sum(
            len(members) for answer in answers for _, _, state, _, _, members, *_ in answer.groups if state == STABLE
        )

    async def committed(self, topic: str) -> dict[int, int]:
        """Committed offset by partition, 0 where the group committed nothing yet. Raises `TopicMissing`."""
        found = await self._offsets(topic)
        return {tp.partition: found[tp].offset if tp in found else 0 for tp in await self._partitions_of(topic)}

    async def times(self, topic: str) -> dict[int, PartitionTime]:
        """How far each partition is in event time, as of its committed offset. Raises `TopicMissing`."""
        found, partitions = await self._offsets(topic), await self._partitions_of(topic)
        return {tp.partition: time_in(found[tp].metadata) if tp in found else PartitionTime() for tp in partitions}

    async def begun(self, topic: str) -> set[int]:
        """Partitions of which the group has committed an offset. Raises `TopicMissing`."""
        return {tp.partition for tp in await self._offsets(topic)}

    async def _offsets(self, topic: str) -> dict[TopicPartition, OffsetAndMetadata]:
        """Of the partitions of which the group committed any."""
        partitions = await self._partitions_of(topic)
        found = await _retried(lambda: self._admin.list_consumer_group_offsets(self._group, partitions=partitions))
        return {tp: known for tp, known in found.items() if known.offset >= 0}

    async def behind(self, topic: str) -> int:
        """Offsets between the committed position and the end of the log, transaction markers included: an upper
        bound of the records left. Raises `TopicMissing`.
        """
        committed = await self.committed(topic)
        ends = await self.ends(topic)
        return sum(end - committed[partition] for partition, end in ends.items())

    async def caught_up(self, topics: Iterable[str]) -> bool:
        """Whether the group has committed everything up to the present end of every topic. Raises `TopicMissing`."""
        for topic in topics:
            if not await self._caught_up(topic):
                return False
        return True

    async def _caught_up(self, topic: str) -> bool:
        committed = await self.committed(topic)
        return not await self.waiting(topic, committed, await self.ends(topic))

    async def readable(self, topics: Iterable[str]) -> bool:
        """Whether no transaction is open on the topics. One that is acknowledged as committed becomes visible partition
        by partition, its offsets maybe before its rows. Raises `TopicMissing`."""
        partitions = [tp for topic in topics for tp in await self._partitions_of(topic)]
        ends = await self._ends.end_offsets(partitions)
        readable = await self._reader.end_offsets(partitions)
        return bool(readable == ends)

    async def ends(self, topic: str) -> dict[int, int]:
        """End of the log by partition, open transactions included. Raises `TopicMissing`."""
        partitions = await self._partitions_of(topic)
        ends = await _retried(lambda: self._ends.end_offsets(partitions))
        return {tp.partition: end for tp, end in ends.items()}

    async def begins(self, topic: str) -> dict[int, int]:
        """Where the log begins by partition. Raises `TopicMissing`."""
        partitions = await self._partitions_of(topic)
        begins = await _retried(lambda: self._ends.beginning_offsets(partitions))
        return {tp.partition: begin for tp, begin in begins.items()}

    async def waiting(self, topic: str, committed: dict[int, int], ends: dict[int, int]) -> set[int]:
        """Partitions that hold a record between their committed offset and their end.

        Reads on from the committed offsets: a log may end in markers and aborted records, which nobody commits.
        """
        behind = {TopicPartition(topic, number): end for number, end in ends.items() if committed[number] < end}
        offsets = {tp: committed[tp.partition] for tp in behind}
        return {tp.partition for tp in await with_records(self._reader, offsets, behind)}

    async def _partitions_of(self, topic: str) -> list[TopicPartition]:
        if topic not in self._partitions:
            self._partitions[topic] = await partitions_of(self._ends, [topic])
        return self._partitions[topic]


async def _retried(ask: Callable[[], Awaitable[T]]) -> T:
    deadline = time.monotonic() + RETRY_FOR_S
    while True:
        try:
            return await ask()
        except KafkaError as error:
            passes = error.retriable or isinstance(error, GroupCoordinatorNotAvailableError)
            if not passes or time.monotonic() > deadline:
                raise
        await asyncio.sleep(RETRY_EVERY_S)
