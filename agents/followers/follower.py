"""Follows compacted topics without a consumer group: in full, so that every process holds the same copy, or those of
their partitions that concern it.

A record that cannot be taken is reported and passed over; see `agents.followers.refusals`.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Collection, Mapping
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.process_exit import die
from agents.followers.refusals import Report, guarded, say
from serving.supervisor import is_asked_to_end
from streams.contract.reasons import Reason
from streams.kafka.bulk_read import Apply, bulk_consumer, partitions_of, poll, read_up_to
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
        self._topics = {topic: guarded(apply, self._report_once) for topic, apply in topics.items()}
        self._after_poll = after_poll
        self._drain = drain
        self._report = report
        self._open = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None
        self._partitions: list[TopicPartition] = []  # all there are
        self._reading = asyncio.Lock()  # by whoever polls
        self._is_repeated = False  # the record in hand was applied before
        self._polled = asyncio.Condition()
        self._leader_epochs = LeaderEpochs()
        self._reached: dict[TopicPartition, int] = {}  # behind the last record ever applied: it does not go back

    async def start(self, numbers: Collection[int] | None = None) -> None:
        """Returns when everything up to the high watermarks seen at the start is applied; goes on in the background.
        `numbers`: of these partitions, until `follow` names others; None = of all.

        Raises:
            TopicMissing: a topic does not exist.
        """
        consumer: AIOKafkaConsumer = await self._open.enter_async_context(bulk_consumer(self._bootstrap))
        self._consumer = consumer
        self._leader_epochs.listen(consumer._client)
        self._partitions = await partitions_of(consumer, self._topics)
        await self.follow({tp.partition for tp in self._partitions} if numbers is None else numbers)
        self._task = asyncio.create_task(self._follow(consumer), name="follower")

    async def follow(self, numbers: Collection[int], left: Callable[[int], None] = lambda _: None) -> None:
        """Follows the partitions with these numbers from now on, and no others; returns when everything is applied that
        they hold now. Call it after `start`.

        A partition that was followed before is read on, another one from its beginning. `left` is told which are not
        followed any more, in the step in which they are not: after a call that was cancelled, whatever was followed
        still is, or was left.
        """
        consumer = self._consumer
        assert consumer is not None, "not started"
        wanted = {tp for tp in self._partitions if tp.partition in numbers}
        async with self._reading:
            before = consumer.assignment()
            read_on = {tp: await consumer.position(tp) for tp in before & wanted}
            consumer.assign(sorted(wanted))
            for tp, position in read_on.items():
                consumer.seek(tp, position)
            for tp in before - wanted:
                left(tp.partition)
            if gained := wanted - before:
                await consumer.seek_to_beginning(*gained)
            ends = await consumer.end_offsets(list(wanted)) if wanted else {}
            count = await read_up_to(consumer, ends, self._apply, self._drain, self._damaged)
        names = ", ".join(self._topics)
        logger.info("followed %d partitions of %s to the end: %d records", len(wanted), names, count)

    def places(self) -> dict[TopicPartition, LogPosition]:
        """How far each followed partition was applied, and by which leader's word."""
        followed = self._consumer.assignment() if self._consumer is not None else set()
        return {tp: self.place(tp) for tp in self._reached if tp in followed}

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
            self._report_once(record, record.reason, record.detail)

    def _reach(self, record: ConsumerRecord) -> None:
        tp = TopicPartition(record.topic, record.partition)
        reached = self._reached.get(tp, 0)
        self._is_repeated = record.offset < reached
        self._reached[tp] = max(record.offset + 1, reached)

    def _damaged(self, record: DamagedRecord) -> None:
        self._reach(record)
        self._report_once(record, record.reason, record.detail)

    def _report_once(self, record: ConsumerRecord, reason: Reason, detail: str) -> None:
        if not self._is_repeated:  # by the same process, which followed its partition before
            self._report(record, reason, detail)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                async with self._reading:
                    await poll(consumer, (), self._apply, self._damaged)
                self._after_poll()
                await self._drain()
                async with self._polled:
                    self._polled.notify_all()
        except BaseException as error:  # a stale item model must not go on serving silently
            if is_asked_to_end():
                raise
            die("the follower stopped", error)
