"""One transactional producer per input partition: starting it fences the former owner, committing is the delivery."""

import asyncio
import time
from collections import defaultdict
from collections.abc import Iterable, Sequence

from aiokafka.errors import ProducerFenced
from aiokafka.producer.message_accumulator import BatchBuilder
from aiokafka.structs import TopicPartition

from agents.delivery.outgoing import Outgoing
from agents.delivery.owner_term import last_term
from agents.delivery.table import ChangelogTable
from streams.kafka import clients
from streams.kafka.topics import DEAD_LETTER_MAX_BYTES

#: A transaction left open by a killed worker is aborted by its successor's fence; this bound is for no successor.
TRANSACTION_TIMEOUT_MS = 15_000
MAX_BATCH_BYTES = 512 * 1024
#: Room for the largest dead letter in a batch of its own.
MAX_REQUEST_BYTES = 2 * DEAD_LETTER_MAX_BYTES


class TransactionTimedOut(ProducerFenced):  # type: ignore[misc]  # aiokafka has no types
    """A transaction was open for longer than Kafka allows, so Kafka aborted it. That looks to the client as if another
    producer had taken its place; whether one did as well is another question."""


class PartitionProducer:
    """Writes everything that one input partition causes, in transactions named after that partition."""

    def __init__(self, bootstrap: str, transactional_id: str, group: str) -> None:
        self._bootstrap = bootstrap
        self._group = group
        self._ended: ProducerFenced | None = None
        self._producer = clients.producer(
            bootstrap,
            transactional_id=transactional_id,
            acks="all",
            max_batch_size=MAX_BATCH_BYTES,
            max_request_size=MAX_REQUEST_BYTES,
            transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
            # Not lz4, which aiokafka packs at level 9, for a tenth of a replay's CPU: zstd is faster, and smaller.
            compression_type="zstd",
        )

    async def fence(self) -> None:
        """Starts the producer. When this returns, every earlier owner of the id is fenced, its open transaction is
        aborted, and the markers of its last committed one are written: restored state is final.
        """
        await self._producer.start()

    async def commit(
        self, outgoing: Iterable[Outgoing], source: TopicPartition | None, next_offset: int, note: str = ""
    ) -> None:
        """Writes `outgoing` and the group's `next_offset` of `source` in one transaction; returns when it is durable.

        `source` None commits no offset (used for marks that are not progress). Kafka keeps `note` with the offset.

        Raises:
            aiokafka.errors.ProducerFenced: another worker owns the partition now.
            TransactionTimedOut: the transaction took longer than TRANSACTION_TIMEOUT_MS.

        Whoever commits after either gets the same error: the client would only say that its state is wrong.
        """
        if self._ended is not None:
            raise self._ended
        began_s = time.monotonic()  # counts the time that a stopped process sleeps
        try:
            async with self._producer.transaction():
                await self._send_all(outgoing)
                if source is not None:
                    await self._producer.send_offsets_to_transaction({source: (next_offset, note)}, self._group)
        except ProducerFenced as error:
            self._ended = error
            open_s = time.monotonic() - began_s
            if open_s * 1000 < TRANSACTION_TIMEOUT_MS:
                raise
            self._ended = TransactionTimedOut(
                f"a transaction was open for {open_s:.1f} s, and Kafka aborts it after {TRANSACTION_TIMEOUT_MS} ms: "
                "this process slept, was kept from its event loop, or its brokers were slow"
            )
            raise self._ended from error

    async def _send_all(self, outgoing: Iterable[Outgoing]) -> None:
        by_target: dict[tuple[str, int], list[Outgoing]] = defaultdict(list)
        for record in outgoing:
            by_target[record.topic, record.partition].append(record)
        # Targets are independent queues in the producer; one target's batches must stay in order.
        await asyncio.gather(*(self._send_target(*target, records) for target, records in by_target.items()))

    async def _send_target(self, topic: str, partition: int, records: Sequence[Outgoing]) -> None:
        # A prebuilt batch costs about 2 µs a record; `send` costs 22 µs.
        delivered = []
        batch: BatchBuilder = self._producer.create_batch()
        for record in records:
            if not _append(batch, record):
                delivered.append(await self._send_batch(batch, topic, partition))
                batch = self._producer.create_batch()
                _append(batch, record)  # the first record of a batch always fits
        delivered.append(await self._send_batch(batch, topic, partition))
        await asyncio.gather(*delivered)

    async def _send_batch(self, batch: BatchBuilder, topic: str, partition: int) -> asyncio.Future[object]:
        batch.close()
        future: asyncio.Future[object] = await self._producer.send_batch(batch, topic, partition=partition)
        return future

    async def last_term(self, table: ChangelogTable) -> int | None:
        """The term of the last owner by the log; None when it cannot be read now."""
        return await last_term(self._bootstrap, table)

    async def close(self) -> None:
        """Stops the producer; an open transaction is aborted. Safe to call after a failed `fence`."""
        await self._producer.stop()


def _append(batch: BatchBuilder, record: Outgoing) -> bool:
    appended = batch.append(timestamp=None, key=record.key, value=record.value, headers=list(record.headers))
    return appended is not None
