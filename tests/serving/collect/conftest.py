"""`freshet collect` in this process, over the real Kafka of the run."""

from __future__ import annotations

import asyncio
import secrets
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiokafka.structs import ConsumerRecord
from harness.polling import eventually

from ops.local_stack.stack import LocalStack
from serving.collect.app import Collector
from serving.collect.config import CollectConfig
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import delete_namespace, ensure_topics

PARTITIONS = 4


@asynccontextmanager
async def collecting(config: CollectConfig) -> AsyncIterator[httpx.AsyncClient]:
    """The app between its start-up and shutdown events."""
    app = Collector(config)
    events: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    done: asyncio.Queue[dict[str, Any]] = asyncio.Queue()
    lifespan = asyncio.create_task(app({"type": "lifespan"}, events.get, done.put))
    await events.put({"type": "lifespan.startup"})
    assert (await done.get())["type"] == "lifespan.startup.complete"
    async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://test", timeout=60) as client:
        yield client
    await events.put({"type": "lifespan.shutdown"})
    await lifespan


async def ready(client: httpx.AsyncClient) -> None:
    """Returns once Kafka takes events."""

    async def takes() -> bool:
        return (await client.get("/readyz")).status_code == 200

    await eventually("Kafka takes events", takes)


async def written(bootstrap: str, topics: Topics) -> list[ConsumerRecord]:
    """Every event of the log, by partition in order."""
    found: list[ConsumerRecord] = []
    await read_topics(bootstrap, [topics.interactions], found.append, pass_over)
    return found


@pytest.fixture(scope="module")
def topics(stack: LocalStack) -> Iterator[Topics]:
    """The topics of a namespace of the module's own."""
    made = Topics(f"test-{secrets.token_hex(4)}", "v1")
    ensure_topics(stack.bootstrap, made, PARTITIONS, replication=1, timeout_s=60)
    yield made
    delete_namespace(stack.bootstrap, made.namespace)


@pytest.fixture
def config(stack: LocalStack, topics: Topics) -> CollectConfig:
    # It waits longer than by default: a machine that is busy with other tests is no Kafka that is away.
    return CollectConfig(stack.bootstrap, topics.interactions, stack.redis_url, topics.namespace, wait_s=30.0)


@pytest.fixture
async def client(config: CollectConfig) -> AsyncIterator[httpx.AsyncClient]:
    async with collecting(config) as client:
        await ready(client)
        yield client
