"""A producer that is ended while its broker hangs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
from typing import Any

import pytest
from harness.polling import eventually

from ops.local_stack.stack import LocalStack
from serving.collect.event_writer import EventWriter, Receipt
from serving.collect.request_body import CheckedEvent
from serving.supervisor import LoopSupervisor
from streams.contract.partitioning import partition_of
from streams.kafka.bulk_read import pass_over, read_topics
from streams.kafka.topics import Topics
from streams.kafka.topics_admin import ensure_topics

pytestmark = pytest.mark.stack

PARTITIONS = 2


def of_partition(partition: int, name: str) -> CheckedEvent:
    user_id = next(f"u{n}" for n in range(100) if partition_of(f"u{n}".encode(), PARTITIONS) == partition)
    return CheckedEvent(0, name, user_id, json.dumps({"event_id": name, "user_id": user_id}).encode())


def tasks_of_clients() -> set[asyncio.Task[Any]]:
    """What aiokafka runs, whichever client it is of."""
    classes = ("Sender.", "AIOKafka", "ProduceRequests.")
    return {task for task in asyncio.all_tasks() if getattr(task.get_coro(), "__qualname__", "").startswith(classes)}


async def test_what_was_not_acknowledged_is_not_written_later(own_stack: LocalStack) -> None:
    own_stack.start_kafka()
    topics = Topics("hang", "v1")
    ensure_topics(own_stack.bootstrap, topics, PARTITIONS, replication=1, timeout_s=60)
    pid = own_stack.kafka_pid
    assert pid is not None
    supervisor = LoopSupervisor()
    writer = EventWriter(
        own_stack.bootstrap, topics.interactions, queue_bytes=1 << 20, wait_s=2.0, supervisor=supervisor
    )
    writer.start()

    async def up() -> bool:
        return not writer.why_away

    async def under_way() -> bool:
        return any("_send_produce_req" in repr(task) or "_tracked" in repr(task) for task in tasks_of_clients())

    try:
        await eventually("Kafka takes events", up)
        for partition in range(PARTITIONS):
            await _kept(writer, of_partition(partition, f"before-{partition}"))
        os.kill(pid, signal.SIGSTOP)
        try:
            asked = asyncio.ensure_future(writer.write([of_partition(0, "sent")]))
            await eventually("a request is under way", under_way)
            former = tasks_of_clients()
            # The broker has a request under way, so this one waits within the client.
            receipts: list[Receipt] = [await writer.write([of_partition(1, "held")]), await asked]
            assert not any(receipt.kept for receipt in receipts)

            async def are_gone() -> bool:
                return all(task.done() for task in former)

            await eventually("no task of the former producer lives", are_gone)
        finally:
            os.kill(pid, signal.SIGCONT)
        await eventually("Kafka takes events again", up)
        for partition in range(PARTITIONS):
            await _kept(writer, of_partition(partition, f"after-{partition}"))
    finally:
        await writer.close()
        await supervisor.close()
    found: list[str] = []
    await read_topics(
        own_stack.bootstrap,
        [topics.interactions],
        lambda record: found.append(json.loads(record.value)["event_id"]),
        pass_over,
    )
    # "sent" was in the broker's socket: nobody can take it back from there.
    assert sorted(set(found) - {"sent"}) == ["after-0", "after-1", "before-0", "before-1"]
    assert not tasks_of_clients()


async def _kept(writer: EventWriter, event: CheckedEvent) -> None:
    async def is_kept() -> bool:
        return bool((await writer.write([event])).kept)

    await eventually(f"{event.event_id} is kept", is_kept)
