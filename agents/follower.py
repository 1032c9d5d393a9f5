"""Follows compacted topics in full, without a consumer group: every process holds the same copy."""

import asyncio
import logging
from collections.abc import Callable, Mapping
from contextlib import AsyncExitStack

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.process_exit import die
from streams.bulk_read import Apply, bulk_consumer, partitions_of, poll, read_to_end

logger = logging.getLogger(__name__)


class Follower:
    """Reads `topics` from their beginnings and applies every committed record, in partition order, for ever.

    `after_poll` is called between any two polls, a tenth of a second apart at most."""

    def __init__(
        self, bootstrap: str, topics: Mapping[str, Apply], after_poll: Callable[[], None] = lambda: None
    ) -> None:
        self._bootstrap = bootstrap
        self._topics = dict(topics)
        self._after_poll = after_poll
        self._open = AsyncExitStack()
        self._task: asyncio.Task[None] | None = None
        self._consumer: AIOKafkaConsumer | None = None

    async def start(self) -> None:
        """Returns when everything up to the high watermarks seen at the start is applied; goes on in the background.

        Raises:
            TopicMissing: a topic does not exist.
        """
        consumer = self._consumer = await self._open.enter_async_context(bulk_consumer(self._bootstrap))
        count = await read_to_end(consumer, await partitions_of(consumer, self._topics), self._apply)
        logger.info("followed %s to the end: %d records", ", ".join(self._topics), count)
        self._task = asyncio.create_task(self._follow(consumer), name="follower")

    async def has_read(self, ends: Mapping[TopicPartition, int]) -> bool:
        """Whether everything before the offsets is applied; False before the start."""
        consumer = self._consumer
        return consumer is not None and all([await consumer.position(tp) >= end for tp, end in ends.items()])

    async def stop(self) -> None:
        """Ends the background task and the consumer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._open.aclose()

    def _apply(self, record: ConsumerRecord) -> None:
        self._topics[record.topic](record)

    async def _follow(self, consumer: AIOKafkaConsumer) -> None:
        try:
            while True:
                await poll(consumer, (), self._apply)
                self._after_poll()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  a stale item model must not go on serving silently
            die("the follower stopped", error)
