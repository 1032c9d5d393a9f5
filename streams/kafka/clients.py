"""The only place where clients of aiokafka are made: all of them show what the settings say, say why one is not let
in, and read records that others break (`streams.kafka.record_guard`).

What `start` raises for a broker that is away is aiokafka's; for one that refuses it is `KafkaRefused`.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiokafka import AIOKafkaConsumer, AIOKafkaProducer
from aiokafka.admin import AIOKafkaAdminClient
from aiokafka.client import AIOKafkaClient
from aiokafka.errors import KafkaConnectionError

from streams.kafka import abandoned_producer, bounded_close, record_guard
from streams.kafka.address import security_of
from streams.kafka.client_arguments import client_arguments
from streams.kafka.refusal import KafkaRefused, refusal_of

record_guard.install()
bounded_close.install()


def consumer(address: str, **options: Any) -> AIOKafkaConsumer:
    """A consumer that is not started; `options` are aiokafka's."""
    return _Consumer(address, options)


def producer(address: str, **options: Any) -> EndableProducer:
    """A producer that is not started; `options` are aiokafka's."""
    return EndableProducer(address, options)


def admin(address: str) -> AIOKafkaAdminClient:
    """An admin client that is not started."""
    return _Admin(address)


class _Consumer(AIOKafkaConsumer):
    def __init__(self, address: str, options: dict[str, Any]) -> None:
        super().__init__(**client_arguments(address), **options)
        self._address = address

    async def start(self) -> None:
        async with _saying_why(self._address, self._client):
            await super().start()


class EndableProducer(AIOKafkaProducer):
    """aiokafka's, which can also be ended at once."""

    def __init__(self, address: str, options: dict[str, Any]) -> None:
        super().__init__(**client_arguments(address), **options)
        self._address = address
        self._requests = abandoned_producer.ProduceRequests(self._sender)

    async def start(self) -> None:
        """Connects."""
        async with _saying_why(self._address, self.client):
            await super().start()

    async def abandon(self) -> None:
        """In place of `stop` after a failure: what it holds is written no more. See `abandoned_producer`."""
        await abandoned_producer.abandon(self, self._requests)


class _Admin(AIOKafkaAdminClient):
    def __init__(self, address: str) -> None:
        super().__init__(**client_arguments(address))
        self._address = address

    async def start(self) -> None:
        async with _saying_why(self._address, self._client):
            await super().start()


@asynccontextmanager
async def _saying_why(address: str, client: AIOKafkaClient) -> AsyncIterator[None]:
    try:
        yield
        # aiokafka takes a refused token for an accepted one, and hears no more; a broker that has just started names
        # no broker either, and is waited for.
        if security_of(address).tokens is not None and not client.cluster.brokers():
            raise KafkaConnectionError(f"no brokers are known at {address}")
    except KafkaConnectionError as failure:
        refusal = await refusal_of(address)
        if refusal is None:
            raise
        raise (KafkaRefused if refusal.certain else KafkaConnectionError)(refusal.sentence) from failure
