"""Copies topics of one Kafka to the same topics of another: partitions, order, keys, headers and values stay.

Like MirrorMaker 2 with the identity policy: at least once, so that a mirror that was killed sends again what it may not
have sent.
"""

import asyncio
from collections.abc import Sequence
from contextlib import suppress
from types import TracebackType
from typing import Self

from aiokafka import AIOKafkaConsumer, TopicPartition
from aiokafka.errors import KafkaError

from streams.kafka.bulk_read import partitions_of
from streams.kafka.producer import OutgoingRecord, Producer


class Mirror:
    """Runs as `async with`; `positions` are the offsets up to which the other side has acknowledged everything, from
    which another mirror may go on."""

    def __init__(
        self, source: str, target: str, topics: Sequence[str], positions: dict[TopicPartition, int] | None = None
    ) -> None:
        self.positions = dict(positions or {})
        self._source, self._target, self._topics = source, target, topics

    async def __aenter__(self) -> Self:
        self._consumer = AIOKafkaConsumer(
            bootstrap_servers=self._source,
            isolation_level="read_committed",
            enable_auto_commit=False,
            fetch_max_wait_ms=50,
        )
        await self._consumer.start()
        partitions = await partitions_of(self._consumer, self._topics)
        self._consumer.assign(partitions)
        for partition in partitions:
            self._consumer.seek(partition, self.positions.get(partition, 0))
        self._producer = await Producer(self._target).__aenter__()
        self._task = asyncio.create_task(self._copy(), name="mirror")
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        self._task.cancel()
        with suppress(asyncio.CancelledError):
            await self._task
        await self._producer.__aexit__(None, None, None)
        with suppress(KafkaError):  # the source may be gone
            await self._consumer.stop()

    async def _copy(self) -> None:
        while True:
            for partition, records in (await self._consumer.getmany(timeout_ms=50)).items():
                await self._producer.publish_all(
                    OutgoingRecord(record.topic, record.key, record.value, record.partition, record.headers)
                    for record in records
                )
                self.positions[partition] = records[-1].offset + 1

    async def has_copied(self) -> bool:
        """Whether nothing waits in the source now. Raises what ended the mirror."""
        if self._task.done():
            await self._task
        ends = await self._consumer.end_offsets(list(self._consumer.assignment()))
        return all(self.positions.get(partition, 0) >= end for partition, end in ends.items())
