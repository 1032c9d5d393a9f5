"""Stand-ins for the three aiokafka classes that the product uses, over the simulated Kafka.

They raise what aiokafka raises where it does: a fenced producer learns of it from its next request and then is done
for, a failing request ends the transaction.
"""

import asyncio
from collections.abc import Iterable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any, ClassVar

from aiokafka.errors import KafkaError, ProducerFenced
from aiokafka.structs import ConsumerRecord, OffsetAndMetadata, TopicPartition

from simulation.kafka import Headers, Kafka, Sent
from simulation.world import current_process

#: Small enough that a batch of rows needs several requests.
MAX_BATCH_RECORDS = 6


class RequestFailed(KafkaError):
    """A request that Kafka did not carry out."""


@dataclass
class Servers:
    """Where the stand-ins of one schedule find Kafka, and how often requests of producers fail."""

    kafka: Kafka
    failures: int = 0
    failure_share: float = 0.0


class _Batch:
    def __init__(self) -> None:
        self.records: list[Sent] = []

    def append(self, *, timestamp: None, key: bytes | None, value: bytes | None, headers: Headers) -> object | None:
        assert timestamp is None
        assert key is not None or value is not None
        if len(self.records) == MAX_BATCH_RECORDS:
            return None
        self.records.append((key, value, headers))
        return self

    def close(self) -> None:
        self.records = list(self.records)


class Producer:
    """`aiokafka.AIOKafkaProducer` of one transactional id."""

    servers: ClassVar[Servers]

    def __init__(self, address: str, *, transactional_id: str, **_: Any) -> None:
        self._id = transactional_id
        self._process = current_process()
        self._epoch = -1
        self._open = False
        self._fenced = False
        self._sending: set[asyncio.Future[None]] = set()

    async def start(self) -> None:
        self._epoch = await self._call("coordinator", self.servers.kafka.init)

    async def _call(self, line: object, serve: Any, *arguments: Any, **options: Any) -> Any:
        try:
            return await self._process.call((id(self), line), lambda: serve(self._id, *arguments, **options))
        except ProducerFenced:
            self._fenced = True
            raise

    def transaction(self) -> Any:
        return self._transaction()

    @asynccontextmanager
    async def _transaction(self) -> Any:
        assert not self._open, "one transaction at a time"
        self._open = True
        try:
            yield self
        except BaseException:
            await asyncio.gather(*self._sending, return_exceptions=True)
            if not self._fenced:
                await self._end(commit=False)
            raise
        else:
            await self._end(commit=True)
        finally:
            self._open = False

    async def _end(self, *, commit: bool) -> None:
        await self._call("coordinator", self.servers.kafka.end, self._epoch, commit=commit)

    def create_batch(self) -> _Batch:
        return _Batch()

    async def send_batch(self, batch: _Batch, topic: str, *, partition: int) -> asyncio.Future[None]:
        if not self._open:
            raise AssertionError("a record outside of a transaction")
        target = TopicPartition(topic, partition)
        delivered = asyncio.ensure_future(self._produce(target, batch.records))
        self._sending.add(delivered)
        delivered.add_done_callback(self._sending.discard)
        return delivered

    async def _produce(self, target: TopicPartition, records: list[Sent]) -> None:
        servers = self.servers
        if servers.failures and self._process.world.random.random() < servers.failure_share:
            servers.failures -= 1
            raise RequestFailed(f"injected: {target}")
        await self._call(target, servers.kafka.produce, self._epoch, target, records)

    async def send_offsets_to_transaction(self, offsets: dict[TopicPartition, tuple[int, str]], group: str) -> None:
        assert self._open
        assert group
        await self._call("coordinator", self.servers.kafka.add_offsets, self._epoch, offsets)

    async def stop(self) -> None:
        await self._process.loop_turn()


class Consumer:
    """`aiokafka.AIOKafkaConsumer` without a group, reading committed records of assigned partitions."""

    servers: ClassVar[Servers]

    def __init__(self, address: str, *, isolation_level: str, **_: Any) -> None:
        assert isolation_level == "read_committed"
        self._process = current_process()
        self._positions: dict[TopicPartition, int] = {}
        self._client = self

    async def force_metadata_update(self) -> None:
        await self._process.loop_turn()

    async def start(self) -> None:
        await self._process.loop_turn()

    async def stop(self) -> None:
        await self._process.loop_turn()

    def assign(self, partitions: Iterable[TopicPartition]) -> None:
        self._positions = dict.fromkeys(partitions, -1)

    async def seek_to_beginning(self, *partitions: TopicPartition) -> None:
        self._positions.update(dict.fromkeys(partitions, 0))

    async def end_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        logs = self.servers.kafka.logs
        wanted = list(partitions)
        ends: dict[TopicPartition, int] = await self._process.call(
            id(self), lambda: {tp: logs[tp].stable_end for tp in wanted}
        )
        return ends

    async def beginning_offsets(self, partitions: Iterable[TopicPartition]) -> dict[TopicPartition, int]:
        return dict.fromkeys(partitions, 0)

    async def position(self, tp: TopicPartition) -> int:
        return self._positions[tp]

    async def getmany(self, *partitions: TopicPartition, timeout_ms: int) -> dict[TopicPartition, list[ConsumerRecord]]:
        assert timeout_ms > 0
        logs = self.servers.kafka.logs

        def fetch() -> dict[TopicPartition, tuple[list[ConsumerRecord], int]]:
            return {tp: logs[tp].read(self._positions[tp], 50) for tp in partitions}

        fetched = await self._process.call(id(self), fetch)
        self._positions.update({tp: position for tp, (_, position) in fetched.items()})
        return {tp: records for tp, (records, _) in fetched.items() if records}


class Admin:
    """`aiokafka.admin.AIOKafkaAdminClient`, as far as it tells committed offsets."""

    servers: ClassVar[Servers]

    def __init__(self, address: str) -> None:
        self._process = current_process()

    async def start(self) -> None:
        await self._process.loop_turn()

    async def close(self) -> None:
        await self._process.loop_turn()

    async def list_consumer_group_offsets(
        self, group: str, partitions: list[TopicPartition]
    ) -> dict[TopicPartition, OffsetAndMetadata]:
        assert group
        committed = self.servers.kafka.committed

        def answer() -> dict[TopicPartition, OffsetAndMetadata]:
            return {tp: OffsetAndMetadata(committed.get(tp, -1), "") for tp in partitions}

        found: dict[TopicPartition, OffsetAndMetadata] = await self._process.call(id(self), answer)
        return found
