"""Reads and changes `freshet.versions`: one writer at a time, so that reading and deciding are one step."""

import asyncio
import logging
from collections.abc import Callable, Sequence

from aiokafka import AIOKafkaProducer
from aiokafka.errors import KafkaConnectionError, KafkaError

from agents.followers.refusals import guarded, say
from serving.registry import Registry
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics

logger = logging.getLogger(__name__)

#: Key and value; None removes.
Change = tuple[bytes, bytes | None]
_ATTEMPTS = 8
_BACKOFF_S = 0.1


class RegistryBusy(RuntimeError):
    """Others were writing to the registry again and again: nothing was changed."""


async def read_registry(bootstrap: str, topics: Topics) -> Registry:
    """The registry as of now; records that cannot be read are passed over, and said. Raises `TopicMissing`."""
    registry = Registry()
    await read_topics(
        bootstrap, [topics.versions], guarded(lambda record: registry.apply(record.key, record.value), say), pass_over
    )
    return registry


async def change_registry(bootstrap: str, topics: Topics, decide: Callable[[Registry], Sequence[Change]]) -> Registry:
    """Writes what `decide` makes of the registry, in one transaction; returns the registry after it.

    `decide` may be called more than once: whoever starts to write later ends the writing of those before, who read
    and decide again. What it raises is raised. Raises `TopicMissing` and `RegistryBusy`.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return await _change(bootstrap, topics, decide)
        except KafkaConnectionError:
            raise
        except KafkaError as error:  # fenced; while two race the broker also answers with other errors
            logger.info("writing to %s was interrupted: %s", topics.versions, error)
        await asyncio.sleep(_BACKOFF_S * 2**attempt)
    raise RegistryBusy(f"{topics.versions} could not be written in {_ATTEMPTS} attempts")


async def _change(bootstrap: str, topics: Topics, decide: Callable[[Registry], Sequence[Change]]) -> Registry:
    producer = AIOKafkaProducer(bootstrap_servers=bootstrap, transactional_id=topics.versions, acks="all")
    try:
        await producer.start()
        registry = await read_registry(bootstrap, topics)
        changes = decide(registry)
        if changes:
            async with producer.transaction():
                for key, value in changes:
                    await producer.send_and_wait(topics.versions, value, key=key, partition=0)
    finally:
        await producer.stop()
    for key, value in changes:
        registry.apply(key, value)
    return registry
