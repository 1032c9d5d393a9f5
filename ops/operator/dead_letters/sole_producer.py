"""One transactional producer per kind of work: starting it ends whoever did the same work before."""

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager

from aiokafka import AIOKafkaProducer

from streams.kafka import clients

TRANSACTION_TIMEOUT_MS = 30_000


@asynccontextmanager
async def sole_producer(bootstrap: str, transactional_id: str) -> AsyncIterator[AIOKafkaProducer]:
    """A started producer. What an earlier holder of the id had not committed is aborted, and what it tries from now on
    raises `ProducerFenced` there, so that everything read from here on stays as it is.
    """
    producer = clients.producer(
        bootstrap,
        transactional_id=transactional_id,
        acks="all",
        transaction_timeout_ms=TRANSACTION_TIMEOUT_MS,
        max_request_size=4 * 1024 * 1024,  # dead letters are up to 2 MiB
    )
    await producer.start()
    try:
        yield producer
    finally:
        await producer.stop()
