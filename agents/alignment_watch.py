"""Reads how far the partitions of a replay are, those of other workers too: Kafka keeps it with the group's offsets.

At the head it looks whether items have learned what was folded on the way, and the process has read it: lists wait.
"""

import asyncio
import logging
from collections import deque
from collections.abc import Awaitable, Callable, Collection, Mapping
from typing import NamedTuple

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import TopicPartition

from agents.alignment import Elsewhere
from agents.backlog import Backlog
from streams.bulk_read import POLL_MS, bulk_consumer, partitions_of
from streams.partition_times import time_in
from streams.topics import Topics

logger = logging.getLogger(__name__)

#: How soon a partition that waits learns that another one moved on.
HELD_LOOK_S = 0.05
LOOK_S = 1.0
#: How soon lists begin once items know enough.
SETTLING_LOOK_S = 0.2
#: Who has come to where the log ended so long ago is at its head.
NEAR_S = 5.0
#: So few offsets may be transaction markers, which nobody commits: only reading tells.
FEW = 1_000


class _Ends(NamedTuple):
    """Where the partitions ended, at a time of the event loop."""

    at_s: float
    offsets: Mapping[TopicPartition, int]


class AlignmentWatch:
    """One background loop of a worker; looks until its version is at the head and settled, and says so. A version that
    `reads_archive` has records left that the log does not hold any more. `followed` says whether the process has read
    `item.model` up to the offsets that it is given."""

    def __init__(
        self,
        bootstrap: str,
        topics: Topics,
        backlog: Backlog,
        reads_archive: Callable[[], bool],
        followed: Callable[[Mapping[TopicPartition, int]], Awaitable[bool]],
    ) -> None:
        self._reads_archive = reads_archive
        self._followed = followed
        self._bootstrap = bootstrap
        self._topics = topics
        self._backlog = backlog
        self._ends: deque[_Ends] = deque()  # of the last looks, the oldest first

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if self._backlog.unsettled:
                    await self._look_until_settled()
            except KafkaError as error:  # brokers come and go; what is known holds back too early, never too late
                logger.warning("no news of other partitions: %r", error)
            await asyncio.sleep(LOOK_S)

    async def _look_until_settled(self) -> None:
        admin = AIOKafkaAdminClient(bootstrap_servers=self._bootstrap)
        try:
            await admin.start()
            async with bulk_consumer(self._bootstrap) as reader:
                partitions = await partitions_of(reader, [self._topics.interactions])
                begins = await reader.beginning_offsets(partitions)
                while self._backlog.apart:
                    await self._look(admin, reader, begins)
                    await asyncio.sleep(HELD_LOOK_S if self._backlog.alignment.held else LOOK_S)
                await self._settle(admin, reader)
        finally:
            await admin.close()

    async def _look(
        self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, begins: dict[TopicPartition, int]
    ) -> None:
        ends = await reader.end_offsets(begins)  # before the offsets: what is committed since is no end
        self._ends.append(_Ends(asyncio.get_running_loop().time(), ends))
        found = await admin.list_consumer_group_offsets(self._topics.consumer_group, partitions=list(begins))
        positions = {tp: max(0, found[tp].offset) if tp in found else 0 for tp in begins}
        archived = {tp for tp, begin in begins.items() if self._reads_archive() and positions[tp] < begin}
        waiting = archived | await _left(reader, begins, positions, ends)
        done = {tp.partition for tp in begins if tp not in waiting}
        times = {tp.partition: time_in(found[tp].metadata) for tp in begins if tp in found}
        self._backlog.learn(Elsewhere(times, done), self._arrived(positions, done))

    def _arrived(self, positions: Mapping[TopicPartition, int], done: Collection[int]) -> set[int]:
        """Partitions that have no record left, or have come to where the log ended at most `NEAR_S` ago: the end itself
        is never reached while events come in."""
        now_s = asyncio.get_running_loop().time()
        while self._ends and now_s - self._ends[0].at_s > NEAR_S:
            self._ends.popleft()
        if not self._ends:  # this look took so long: what it saw is old
            return set()
        ends = self._ends[0].offsets
        return {tp.partition for tp, position in positions.items() if position >= ends[tp] or tp.partition in done}

    async def _settle(self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        deltas = await partitions_of(reader, [self._topics.deltas])
        begins, ends = await reader.beginning_offsets(deltas), await reader.end_offsets(deltas)
        while self._backlog.unsettled and not self._backlog.apart:
            found = await admin.list_consumer_group_offsets(self._topics.consumer_group, partitions=deltas)
            positions = {tp: max(0, found[tp].offset) if tp in found else 0 for tp in deltas}
            if not self._backlog.unpaused(await _left(reader, begins, positions, ends)):
                model = await partitions_of(reader, [self._topics.item_model])
                if await self._followed(await reader.end_offsets(model)):
                    self._backlog.settle()
                    return
            await asyncio.sleep(SETTLING_LOOK_S)


async def _left(
    reader: AIOKafkaConsumer,
    begins: Mapping[TopicPartition, int],
    positions: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> set[TopicPartition]:
    """The partitions of the log with a record from their position to their end."""
    behind = {tp: max(begin, positions[tp]) for tp, begin in begins.items() if max(begin, positions[tp]) < ends[tp]}
    short = {tp: offset for tp, offset in behind.items() if ends[tp] - offset <= FEW}
    found = await _with_records(reader, short, ends) if short else set()
    return {tp for tp in behind if tp not in short or tp in found}


async def _with_records(
    reader: AIOKafkaConsumer, offsets: Mapping[TopicPartition, int], ends: Mapping[TopicPartition, int]
) -> set[TopicPartition]:
    """Those of the partitions that hold a record at or behind the offset, and not only markers."""
    reader.assign(list(offsets))
    for tp, offset in offsets.items():
        reader.seek(tp, offset)
    found: set[TopicPartition] = set()
    while pending := [tp for tp in offsets if tp not in found and await reader.position(tp) < ends[tp]]:
        found |= set(await reader.getmany(*pending, timeout_ms=POLL_MS, max_records=1))
    return found
