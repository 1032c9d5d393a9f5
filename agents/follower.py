"""Follows compacted topics in full, without a consumer group: every process holds the same copy."""

import asyncio
import logging
from collections.abc import Callable, Mapping

from aiokafka import AIOKafkaConsumer
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.delivery.process_exit import die

logger = logging.getLogger(__name__)

Apply = Callable[[ConsumerRecord], None]

_FETCH_BYTES = 4 * 1024 * 1024
_POLL_MS = 100


class TopicMissing(RuntimeError):
    """A followed topic does not exist; `freshet topics create` makes it."""


class Follower:
    """Reads `topics` from their beginnings and applies every committed record, in partition order, for ever."""

    def __init__(self, bootstrap: str, topics: Mapping[str, Apply]) -> None:
        self._apply = dict(topics)
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=bootstrap,
            isolation_level="read_committed",
            enable_auto_commit=False,
            auto_offset_reset="earliest",
            max_partition_fetch_bytes=_FETCH_BYTES,
            fetch_max_wait_ms=_POLL_MS,
        )
        self._task: asyncio.Task[None] | None = None

    async def start(self) -> None:
        """Returns when everything up to the high watermarks seen at the start is applied; goes on in the background.

        Raises:
            TopicMissing: a topic does not exist.
        """
        await self._consumer.start()
        partitions = await self._partitions()
        self._consumer.assign(partitions)
        await self._consumer.seek_to_beginning(*partitions)
        ends = await self._consumer.end_offsets(partitions)
        count = 0
        while pending := {tp for tp in partitions if await self._consumer.position(tp) < ends[tp]}:
            count += await self._poll(*pending)
        logger.info("followed %s to the end: %d records", ", ".join(self._apply), count)
        self._task = asyncio.create_task(self._follow(), name="follower")

    async def stop(self) -> None:
        """Ends the background task and the consumer."""
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        await self._consumer.stop()

    async def _partitions(self) -> list[TopicPartition]:
        found = []
        for topic in self._apply:
            # A consumer without a subscription only learns of a topic when asked to.
            await self._consumer._client.add_topic(topic)
            numbers = self._consumer.partitions_for_topic(topic)
            if not numbers:
                raise TopicMissing(f"topic {topic} does not exist: run `freshet topics create`")
            found += [TopicPartition(topic, number) for number in sorted(numbers)]
        return found

    async def _poll(self, *partitions: TopicPartition) -> int:
        count = 0
        for tp, records in (await self._consumer.getmany(*partitions, timeout_ms=_POLL_MS)).items():
            apply = self._apply[tp.topic]
            for record in records:
                apply(record)
            count += len(records)
        return count

    async def _follow(self) -> None:
        try:
            while True:
                await self._poll()
        except asyncio.CancelledError:
            raise
        except BaseException as error:  # noqa: BLE001  a stale item model must not go on serving silently
            die("the follower stopped", error)
