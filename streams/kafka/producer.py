"""Publishes records so that an acknowledgement means they are in the log, once.

All in-sync replicas confirm a write (`acks=all`), retries cannot duplicate it (idempotent producer), and keys go where
Kafka's default partitioner puts them, which `streams.contract.partitioning.partition_of` computes too.
"""

import asyncio
import time
from collections import deque
from collections.abc import AsyncIterable, AsyncIterator, Callable, Iterable, Sequence
from contextlib import asynccontextmanager
from types import TracebackType
from typing import Final, NamedTuple, Protocol, Self

from aiokafka import errors as kafka_errors

from streams.kafka import clients
from streams.kafka.errors import KafkaUnreachable, PublishError
from streams.kafka.refusal import KafkaRefused

#: How many sent records may wait for their acknowledgement in `publish_all`.
MAX_IN_FLIGHT: Final = 5_000
#: Largest record, as aiokafka has it; brokers take one of this size unless they are told otherwise.
MAX_REQUEST_BYTES: Final = 1024 * 1024
_LINGER_MS: Final = 5
_METADATA_TIMEOUT_S: Final = 3.0
_POLL_S: Final = 0.2
_MAX_BATCH_BYTES: Final = 128 * 1024
#: How long leaving with an error waits for what was sent, and then for requests under way to end.
_CLOSE_S: Final = 5.0


class OutgoingRecord(NamedTuple):
    """A record to send. `partition` None means where the key belongs (or anywhere, without a key)."""

    topic: str
    key: bytes | None
    value: bytes | None
    partition: int | None = None
    headers: Sequence[tuple[str, bytes]] = ()


class Acknowledgement(Protocol):
    """Where the log holds an acknowledged record."""

    @property
    def topic(self) -> str:
        """Full name."""

    @property
    def partition(self) -> int:
        """0 or more."""

    @property
    def offset(self) -> int:
        """0 or more."""


class Producer:
    """Publishes to Kafka; use it as `async with Producer("localhost:9092") as producer`.

    `delivery_timeout_s` bounds how long a record may wait for its acknowledgement, a broker's restart included, and how
    long leaving waits for all that was sent; `start_timeout_s` how long entering waits for a broker. aiokafka itself
    gives up no record of an idempotent producer, nor does its `stop` return before. Larger records than
    `max_request_bytes` are refused.
    """

    def __init__(
        self,
        bootstrap: str,
        *,
        start_timeout_s: float = 15.0,
        delivery_timeout_s: float = 60.0,
        linger_ms: int = _LINGER_MS,
        max_request_bytes: int = MAX_REQUEST_BYTES,
    ) -> None:
        self._bootstrap = bootstrap
        self._start_timeout_s = start_timeout_s
        self._delivery_timeout_s = delivery_timeout_s
        self._linger_ms = linger_ms
        self._max_request_bytes = max_request_bytes
        self._topics: set[str] = set()

    async def __aenter__(self) -> Self:
        self._kafka = clients.producer(
            self._bootstrap,
            acks="all",
            enable_idempotence=True,
            linger_ms=self._linger_ms,
            max_batch_size=_MAX_BATCH_BYTES,
            max_request_size=self._max_request_bytes,
            request_timeout_ms=int(self._delivery_timeout_s * 1000),
        )
        try:
            async with asyncio.timeout(self._start_timeout_s):
                await self._kafka.start()
        except KafkaRefused:
            await self._kafka.stop()
            raise
        except (kafka_errors.KafkaConnectionError, TimeoutError) as refusal:
            await self._kafka.stop()
            raise KafkaUnreachable(f"no Kafka broker answered at {self._bootstrap}") from refusal
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        try:
            async with asyncio.timeout(self._delivery_timeout_s if error is None else _CLOSE_S):
                await self._kafka.stop()
        except TimeoutError as late:
            await self._kafka.abandon()  # nothing more is sent
            if error is None:
                raise KafkaUnreachable(
                    f"no Kafka broker took all that was sent within {self._delivery_timeout_s:g} s"
                ) from late

    async def send(self, record: OutgoingRecord) -> "asyncio.Future[Acknowledgement]":
        """Hands the record over, waiting while the buffer of its partition is full.

        The future gives the acknowledgement or fails with an error of aiokafka's; `publish` and `publish_all` make a
        `PublishError` of it. A topic that does not exist is a `PublishError` at once. Raises `KafkaUnreachable` when
        no broker says whether it does.
        """
        try:
            if record.topic not in self._topics:
                async with self._in_time(record):
                    await self._require_topic(record.topic)
            sent: asyncio.Future[Acknowledgement] = await self._kafka.send(
                record.topic, record.value, record.key, record.partition, headers=list(record.headers)
            )
        except kafka_errors.KafkaError as failure:
            raise _not_acknowledged(record, failure) from failure
        return sent

    async def publish(self, record: OutgoingRecord) -> Acknowledgement:
        """Sends one record and waits until it is in the log.

        Raises:
            PublishError: Kafka refused it.
            KafkaUnreachable: it was not acknowledged in time; it may be in the log all the same.
        """
        async with self._in_time(record):
            return await _acknowledged(record, await self.send(record))

    async def publish_all(
        self,
        records: Iterable[OutgoingRecord] | AsyncIterable[OutgoingRecord],
        on_acknowledged: Callable[[OutgoingRecord, Acknowledgement], None] | None = None,
    ) -> int:
        """Sends records in order and waits until all are in the log; returns how many.

        `on_acknowledged` hears of each record, in the order given. Raises `PublishError` at the first record that is
        not acknowledged, `KafkaUnreachable` at the first that is not in time; later ones may be in the log already.
        """
        count = 0
        in_flight: deque[tuple[OutgoingRecord, asyncio.Future[Acknowledgement]]] = deque()

        async def settle_down_to(limit: int) -> None:
            nonlocal count
            while len(in_flight) > limit or (in_flight and in_flight[0][1].done()):
                record, future = in_flight.popleft()
                if future.done():
                    acknowledgement = await _acknowledged(record, future)
                else:
                    async with self._in_time(record):
                        acknowledgement = await _acknowledged(record, future)
                count += 1
                if on_acknowledged is not None:
                    on_acknowledged(record, acknowledgement)

        try:
            async for record in _each(records):
                in_flight.append((record, await self.send(record)))
                await settle_down_to(MAX_IN_FLIGHT)
            await settle_down_to(0)
        finally:
            for _, future in in_flight:  # after a failure nobody hears of them
                future.cancel()
        return count

    @asynccontextmanager
    async def _in_time(self, record: OutgoingRecord) -> AsyncIterator[None]:
        try:
            async with asyncio.timeout(self._delivery_timeout_s):
                yield
        except TimeoutError as late:
            raise KafkaUnreachable(
                f"a record of key {record.key!r} was not acknowledged by {record.topic} within "
                f"{self._delivery_timeout_s:g} s"
            ) from late

    async def partitions(self, topic: str) -> int:
        """How many partitions the topic has. Raises `PublishError` when it does not exist."""
        await self._require_topic(topic)
        return len(await self._kafka.partitions_for(topic))

    async def _require_topic(self, topic: str) -> None:
        """Waits a little for a topic just created. Asks for all topics, since asking for one may create it."""
        deadline = time.monotonic() + _METADATA_TIMEOUT_S
        while topic not in (await self._kafka.client.fetch_all_metadata()).topics():
            if time.monotonic() >= deadline:
                raise PublishError(f"topic {topic} does not exist: create it with `freshet topics create`")
            await asyncio.sleep(_POLL_S)
        self._topics.add(topic)


async def _each(records: Iterable[OutgoingRecord] | AsyncIterable[OutgoingRecord]) -> AsyncIterator[OutgoingRecord]:
    if isinstance(records, AsyncIterable):
        async for record in records:
            yield record
    else:
        for record in records:
            yield record


async def _acknowledged(record: OutgoingRecord, sent: "asyncio.Future[Acknowledgement]") -> Acknowledgement:
    try:
        return await sent
    except kafka_errors.KafkaError as failure:
        raise _not_acknowledged(record, failure) from failure


def _not_acknowledged(record: OutgoingRecord, failure: Exception) -> PublishError:
    return PublishError(f"a record of key {record.key!r} was not acknowledged by {record.topic}: {failure}")
