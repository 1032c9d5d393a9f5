"""Runs what a command asks of Kafka and Redis, and says in one line what does not answer."""

import asyncio
import logging
from collections.abc import Coroutine
from typing import Any, TypeVar

from aiokafka.errors import KafkaConnectionError, ProducerFenced
from redis.exceptions import ConnectionError as RedisConnectionError
from redis.exceptions import RedisClusterException
from redis.exceptions import TimeoutError as RedisTimeoutError

from ops.exit_codes import CommandFailed, ExitCode
from streams.kafka.bulk_read import TopicMissing
from streams.kafka.errors import RecordUnreadable
from streams.kafka.exclusive_change import TopicBusy
from streams.kafka.refusal import KafkaRefused

T = TypeVar("T")


class NotAnswering(CommandFailed):
    """A server that the command needs does not answer."""

    code = ExitCode.UNREACHABLE


class NotThere(CommandFailed):
    """What the command was asked about does not exist."""

    code = ExitCode.USAGE


class Superseded(CommandFailed):
    """Somebody started a command later that does the same work, or needs it to stand still."""


def run(command: Coroutine[Any, Any, T]) -> T:
    """The command's result. Raises `CommandFailed` when a server does not answer or a topic does not exist."""
    for chatty in ("aiokafka", "asyncio"):
        logging.getLogger(chatty).setLevel(logging.CRITICAL)  # what goes wrong is said once, by the exit
    try:
        return asyncio.run(command)
    except TopicMissing as error:
        raise NotThere(str(error)) from error
    except RecordUnreadable as error:
        raise CommandFailed(str(error)) from error
    except KafkaRefused:
        raise  # it says so itself
    except KafkaConnectionError as error:
        raise NotAnswering(f"Kafka does not answer: {error}") from error
    except (RedisConnectionError, RedisTimeoutError, RedisClusterException) as error:
        raise NotAnswering(f"Redis does not answer: {error}") from error
    except TopicBusy as error:
        raise Superseded(str(error)) from error
    except ProducerFenced as error:
        raise Superseded("another redrive or erase was started meanwhile and goes first; run this one again") from error
