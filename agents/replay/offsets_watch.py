"""Reads how far the partitions of a replay are, those of other workers too: Kafka keeps it with the group's offsets.

At the head it looks whether items have learned what was folded on the way, and the process has read it: lists wait.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Iterable, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.errors import KafkaError
from aiokafka.structs import OffsetAndMetadata, TopicPartition

from agents.replay.coordinator import ReplayCoordinator
from agents.replay.phases import ItemsLearned, Looked, Phase
from streams.kafka import clients
from streams.kafka.bulk_read import bulk_consumer, partitions_of
from streams.kafka.caught_up import LogEnds
from streams.kafka.log_rest import with_records
from streams.kafka.partition_times import time_in
from streams.kafka.topics import Topics

logger = logging.getLogger(__name__)

#: How soon a partition that waits learns that another one moved on.
ALIGNING_POLL_S = 0.05
LOOK_S = 1.0
#: How soon lists begin once items know enough.
SETTLING_POLL_S = 0.2
#: So few offsets may be transaction markers, which nobody commits: only reading tells.
FEW = 1_000

Offsets = Mapping[TopicPartition, OffsetAndMetadata]


class OffsetsWatch:
    """One background loop of a worker; looks until its version is live, and says so. A version that `reads_archive` has
    records left that the log does not hold any more. `followed` says whether the process has read `item.model` up to
    the offsets that it is given."""

    def __init__(
        self,
        bootstrap: str,
        topics: Topics,
        coordinator: ReplayCoordinator,
        reads_archive: Callable[[], bool],
        followed: Callable[[Mapping[TopicPartition, int]], Awaitable[bool]],
    ) -> None:
        self._reads_archive = reads_archive
        self._followed = followed
        self._bootstrap = bootstrap
        self._topics = topics
        self._coordinator = coordinator
        self._ends = LogEnds()

    async def run(self) -> None:
        """Until cancelled."""
        while True:
            try:
                if self._coordinator.phase is not Phase.LIVE:
                    await self._look_until_live()
            except KafkaError as error:  # brokers come and go; what is known holds back too early, never too late
                logger.warning("no news of other partitions: %r", error)
            await asyncio.sleep(LOOK_S)

    async def _look_until_live(self) -> None:
        admin = clients.admin(self._bootstrap)
        try:
            await admin.start()
            async with bulk_consumer(self._bootstrap) as reader:
                partitions = await partitions_of(reader, [self._topics.interactions])
                begins = await reader.beginning_offsets(partitions)
                while self._coordinator.phase is Phase.CATCHING_UP:
                    await self._look(admin, reader, begins)
                    await asyncio.sleep(ALIGNING_POLL_S if self._coordinator.waiting else LOOK_S)
                await self._settle(admin, reader)
        finally:
            await admin.close()

    async def _look(
        self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer, begins: dict[TopicPartition, int]
    ) -> None:
        clock = asyncio.get_running_loop()
        ends = await reader.end_offsets(begins)  # before the offsets: what is committed since is no end
        self._ends.note(ends, clock.time())
        found = await self._committed(admin, begins)
        positions = _positions(found, begins)
        archived = {tp for tp, begin in begins.items() if self._reads_archive() and positions[tp] < begin}
        exhausted = begins.keys() - archived - await _left(reader, begins, positions, ends)
        caught_up = self._ends.caught_up(positions, exhausted, clock.time())
        times = {tp.partition: time_in(found[tp].metadata) for tp in begins if tp in found}
        self._coordinator.observe(Looked(times, _numbers(exhausted), _numbers(caught_up)))

    async def _settle(self, admin: AIOKafkaAdminClient, reader: AIOKafkaConsumer) -> None:
        deltas = await partitions_of(reader, [self._topics.deltas])
        model = await partitions_of(reader, [self._topics.item_model])
        begins, ends = await reader.beginning_offsets(deltas), await reader.end_offsets(deltas)
        while self._coordinator.phase is Phase.SETTLING:
            positions = _positions(await self._committed(admin, deltas), deltas)
            left = await _left(reader, begins, positions, ends)
            if all(map(self._coordinator.is_paused, left)) and await self._followed(await reader.end_offsets(model)):
                self._coordinator.observe(ItemsLearned())
                return
            await asyncio.sleep(SETTLING_POLL_S)

    async def _committed(self, admin: AIOKafkaAdminClient, partitions: Iterable[TopicPartition]) -> Offsets:
        found: Offsets = await admin.list_consumer_group_offsets(
            self._topics.consumer_group, partitions=list(partitions)
        )
        return found


def _numbers(partitions: Iterable[TopicPartition]) -> frozenset[int]:
    return frozenset(tp.partition for tp in partitions)


def _positions(found: Offsets, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
    """Where the group goes on, 0 where it committed nothing yet."""
    return {tp: max(0, found[tp].offset) if tp in found else 0 for tp in partitions}


async def _left(
    reader: AIOKafkaConsumer,
    begins: Mapping[TopicPartition, int],
    positions: Mapping[TopicPartition, int],
    ends: Mapping[TopicPartition, int],
) -> set[TopicPartition]:
    """The partitions of the log with a record from their position to their end."""
    behind = {tp: max(begin, positions[tp]) for tp, begin in begins.items() if max(begin, positions[tp]) < ends[tp]}
    short = {tp: offset for tp, offset in behind.items() if ends[tp] - offset <= FEW}
    found = await with_records(reader, short, ends) if short else set()
    return {tp for tp in behind if tp not in short or tp in found}
