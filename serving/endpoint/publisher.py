"""Tells Kafka what was asked and what was shown, off the request path: recommendation.requests and .served.

A read only appends to a bounded queue. A task drains it every 100 ms into one Kafka batch per partition (2 µs a record,
where a send per record costs 40). When Kafka is away the queue fills up, and records are dropped and counted.
"""

from __future__ import annotations

import asyncio
import logging
import random
import secrets
from contextlib import suppress
from itertools import count
from typing import Any

import orjson
from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaError

from serving.endpoint.bodies import renamed
from serving.endpoint.config import EndpointConfig
from serving.endpoint.shown import ShownAnswer, served_items
from serving.keys import HOMEPAGE
from serving.supervisor import LoopSupervisor
from streams.contract.partitioning import partition_of
from streams.contract.served import Surface
from streams.contract.user_records import record_key
from streams.kafka import clients
from streams.kafka.topics import Topics

log = logging.getLogger(__name__)

MAX_QUEUED_BYTES = 32 << 20  # of answers; while Kafka is away they stay for as long as that
DRAIN_S = 0.1
SEND_TIMEOUT_S = 5.0
RECONNECT_S = 2.0
CLOSE_S = 2.0
#: Of what was asked, what is told of an answer.
_TOLD = ("device_type", "country", "item_id", "region", "window", "category")


class AnswerPublisher:
    """Made within the event loop. `published` and `dropped` count records of both topics."""

    def __init__(self, config: EndpointConfig, supervisor: LoopSupervisor | None = None) -> None:
        self.published = 0
        self.dropped = 0
        self._config = config
        self._supervisor = supervisor or LoopSupervisor()
        self._topics = Topics(config.namespace, config.model_version)
        self._stored_id = config.identities.of
        self._sample = config.publish_share
        self._queue: list[ShownAnswer] = []
        self._queued_bytes = 0
        process = secrets.token_hex(6)
        self._record_ids = (f"{process}.{number:x}" for number in count())
        self._task: asyncio.Task[None] | None = None
        self._closing = asyncio.Event()

    def add(self, shown: ShownAnswer) -> None:
        """Keeps an answer for the next batch, or drops it when the queue is full."""
        if self._sample < 1.0 and random.random() >= self._sample:
            return
        if self._queued_bytes >= MAX_QUEUED_BYTES:
            self.dropped += 2
        else:
            self._queue.append(shown)
            self._queued_bytes += len(shown.head) + len(shown.items)

    def start(self) -> None:
        """Begins publishing; a Kafka that is away is tried again for ever."""
        self._task = self._supervisor.keep("publisher", self._keep_publishing)

    async def close(self) -> None:
        """Publishes what is queued if Kafka takes it in time, and ends."""
        self._closing.set()
        if self._task is not None:
            await asyncio.wait([self._task], timeout=CLOSE_S)
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)
        self.dropped += 2 * len(self._queue)
        self._queue.clear()

    async def _keep_publishing(self) -> None:
        while not self._closing.is_set():
            producer = clients.producer(
                self._config.kafka_bootstrap,
                acks=1,  # a lost record costs a sample of statistics, not a list
                linger_ms=0,
                request_timeout_ms=int(SEND_TIMEOUT_S * 1000),
                compression_type="zstd",  # lz4 is packed at its highest level there, which costs ten times as much
            )
            try:
                await producer.start()
                await self._keep_draining(producer)
            except (KafkaError, OSError, TimeoutError) as error:
                log.warning("what was shown cannot be published: %s", error)
            finally:
                await asyncio.gather(asyncio.wait_for(producer.stop(), SEND_TIMEOUT_S), return_exceptions=True)
            await self._pause(RECONNECT_S)

    async def _keep_draining(self, producer: AIOKafkaProducer) -> None:
        """Returns when the process ends and the queue is empty."""
        while not self._closing.is_set() or self._queue:
            await self._pause(DRAIN_S)
            shown, self._queue, self._queued_bytes = self._queue, [], 0
            unsent = 2 * len(shown)
            try:
                async with asyncio.timeout(SEND_TIMEOUT_S):
                    for topic, record_of in (
                        (self._topics.requests, self._request),
                        (self._topics.served, self._served),
                    ):
                        await self._send(producer, topic, [record_of(answer) for answer in shown])
                        unsent -= len(shown)
                        self.published += len(shown)
            finally:
                self.dropped += unsent

    async def _pause(self, seconds: float) -> None:
        """Waits, but not while the process ends."""
        with suppress(TimeoutError):
            await asyncio.wait_for(self._closing.wait(), seconds)

    async def _send(self, producer: AIOKafkaProducer, topic: str, records: list[tuple[str, bytes]]) -> None:
        if not records:
            return
        partitions = len(await producer.partitions_for(topic))
        batches: dict[int, Any] = {}
        acknowledged = []
        for user_id, value in records:
            record_id = next(self._record_ids)
            # What was shown to nobody in particular belongs in no partition more than in another.
            partition = partition_of((user_id or record_id).encode(), partitions)
            key = record_key(self._stored_id(user_id) if user_id else "", record_id)
            batch = batches.get(partition)
            if batch is None or batch.append(key=key, value=value, timestamp=None) is None:
                if batch is not None:  # full
                    acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
                batch = batches[partition] = producer.create_batch()
                batch.append(key=key, value=value, timestamp=None)
        for partition, batch in batches.items():
            acknowledged.append(await producer.send_batch(batch, topic, partition=partition))
        await asyncio.gather(*acknowledged)

    def _request(self, shown: ShownAnswer) -> tuple[str, bytes]:
        """User and value, which knows the user by the stored id only."""
        asked = {name: value for name, value in shown.parameters.items() if name != "token_age"}
        user_id = asked.get("user_id", "")
        if user_id:
            asked["user_id"] = self._stored_id(user_id)
        return user_id, orjson.dumps({"timestamp": shown.at_ms, **asked, "surface": shown.surface})

    def _served(self, shown: ShownAnswer) -> tuple[str, bytes]:
        """The same of an answer (`streams.contract.served`): its labels as they were sent, what it was asked for and
        the items."""
        asked = shown.parameters
        user_id = asked.get("user_id", "")
        more = {name: asked[name] for name in _TOLD if name in asked}
        if shown.surface is Surface.RECOMMENDATIONS:
            more |= {"context": asked.get("context", HOMEPAGE), "offset": asked.get("offset", 0)}
        more |= {"timestamp": shown.at_ms, "surface": shown.surface}
        head = renamed(shown.head, self._stored_id(user_id) if user_id else "")
        return user_id, b'%b,%b,"items":%b}' % (head, orjson.dumps(more)[1:-1], served_items(shown))
