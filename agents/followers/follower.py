"""Follows compacted topics in full, without a consumer group: every process holds the same copy.

A record that cannot be taken is reported and passed over; see `agents.followers.refusals`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.process_exit import die
from agents.followers.refusals import Report, guarded, say
from serving.supervisor import is_asked_to_end
from streams.kafka.bulk_read import Apply, bulk_consumer, partitions_of, poll, read_to_end
from streams.kafka.damaged_record import DamagedRecord
from streams.kafka.leader_epochs import LeaderEpochs
from streams.kafka.log_position import NO_EPOCH, LogPosition

logger = logging.getLogger(__name__)


async def do_nothing() -> None:
    """Nothing is held that could become too much."""


class Follower:
    """Reads `topics` from their beginnings and applies every committed record, in partition order, for ever.

    `after_poll` is called between any two polls, a tenth of a second apart at most; `drain` is awaited there, and while
    the topics are read for the first time."""

    def __init__(
        self,
        bootstrap: str,
        topics: Mapping[str, Apply],
        after_poll: Callable[[], None] = lambda: None,
        report: Report = say,
        drain: Callable[[], Awaitable[None]] = do_nothing,
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = {topic: guarded(apply, report) for topic, apply in topics.items()}
        self._after_poll = after_poll
        self._drain = drain
        self._report = report
        self._open = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._polled = asyncio.Condition()
        self._leader_epochs = LeaderEpochs()
        self._reached: dict[TopicPartition, int] = {}  # behind the last record ever applied: it does not go back

    async def start(self) -> None:
        """Returns when everything up to the high watermarks seen at the start is applied; goes on in the background.

        Raises:
            TopicMissing: a topic does not exist.
        """
        consumer: AIOKafkaConsumer = await self._open.enter_async_context(bulk_consumer(self._bootstrap))
        self._consumer = consumer
        self._leader_epochs.listen(consumer._client)
        partitions = await partitions_of(consumer, self._topics)
        count = await read_to_end(consumer, partitions, self._apply, between=self._drain, damaged=self._damaged)
        logger.info("followed %s to the end: %d records", ", ".join(self._topics), count)
        self._task = asyncio.create_task(self._follow(consumer), name="follower")

    def places(self) -> dict[TopicPartition, LogPosition]:
        """How far each partition was applied, and by which leader's word."""
        return {tp: self.place(tp) for tp in self._reached}

    def place(self, tp: TopicPartition) -> LogPosition:
        """How far one was."""
        reached = self._reached.get(tp, 0)
        return LogPosition(reached, leader_epoch=self._leader_epochs.at(tp, reached - 1) if reached else NO_EPOCH)

    async def has_read(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether everything before the offsets is applied; False before the start."""
        consumer = self._consumer
        return consumer is not None and all([await consumer.position(tp) >= end for tp, end in ends.items()])

    async def catch_up(self, topic: str) -> None:
        """Returns when everything is applied that one of the topics holds now. Call it after `start`."""
        consumer = self._consumer
        assert consumer is not None, "not started"
        partitions = [tp for tp in consumer.assignment() if tp.topic == topic]
        ends = await consumer.end_offsets(partitions)
        while not await self.has_read(ends):
            async with self._polled:
                await self._polled.wait()

    async def stop(self) -> None:
        """Ends the background task and the consumer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._open.aclose()

    def _apply(self, record: ConsumerRecord) -> None:
        self._reach(record)
        self._topics[record.topic](record)
        if isinstance(record, DamagedRecord):  # what it says is readable, and its headers mean nothing here
            self._damaged(record)

    def _reach(self, record: ConsumerRecord) -> None:
        tp = TopicPartition(record.topic, record.partition)
        self._reached[tp] = max(record.offset + 1, self._reached.get(tp, 0))

    def _damaged(self, record: DamagedRecord) -> None:
        self._reach(record)
        self._report(record, record.reason, record.detail)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                await poll(consumer, (), self._apply, self._damaged)
                self._after_poll()
                await self._drain()
                async with self._polled:
                    self._polled.notify_all()
        except BaseException as error:  # a stale item model must not go on serving silently
            if is_asked_to_end():
                raise
            die("the follower stopped", error)
