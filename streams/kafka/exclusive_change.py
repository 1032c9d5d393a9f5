"""Reads a topic of one partition, decides, and writes, as one step: one writer at a time."""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from typing import TypeVar

from aiokafka.errors import KafkaConnectionError, KafkaError

from streams.kafka import clients

logger = logging.getLogger(__name__)

#: Key and value; None removes.
Change = tuple[bytes, bytes | None]
State = TypeVar("State")
_ATTEMPTS = 8
_BACKOFF_S = 0.1


class TopicBusy(RuntimeError):
    """Others were writing to the topic again and again: nothing was changed."""


async def change_topic(
    bootstrap: str,
    topic: str,
    read: Callable[[], Awaitable[State]],
    decide: Callable[[State], Sequence[Change]],
) -> tuple[State, Sequence[Change]]:
    """Writes what `decide` makes of what `read` finds, in one transaction; returns what was found, and what was
    written.

    Both may be called more than once: whoever starts to write later ends the writing of those before, who read and
    decide again. What they raise is raised. Raises `TopicBusy`.
    """
    for attempt in range(_ATTEMPTS):
        try:
            return await _change(bootstrap, topic, read, decide)
        except KafkaConnectionError:
            raise
        except KafkaError as error:  # fenced; while two race the broker also answers with other errors
            logger.info("writing to %s was interrupted: %s", topic, error)
        await asyncio.sleep(_BACKOFF_S * 2**attempt)
    raise TopicBusy(f"{topic} could not be written in {_ATTEMPTS} attempts")


async def _change(
    bootstrap: str,
    topic: str,
    read: Callable[[], Awaitable[State]],
    decide: Callable[[State], Sequence[Change]],
) -> tuple[State, Sequence[Change]]:
    producer = clients.producer(bootstrap, transactional_id=topic, acks="all")
    try:
        await producer.start()
        found = await read()
        changes = decide(found)
        if changes:
            async with producer.transaction():
                for key, value in changes:
                    await producer.send_and_wait(topic, value, key=key, partition=0)
    finally:
        await producer.stop()
    return found, changes
