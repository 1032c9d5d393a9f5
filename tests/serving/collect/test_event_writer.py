"""The queue in front of Kafka while that is away, without a Kafka."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiokafka.errors import RequestTimedOutError
from harness.polling import eventually

from ops.local_stack.ports import free_port
from serving.collect.event_writer import EventWriter, QueueFull, Receipt
from serving.collect.request_body import CheckedEvent
from serving.supervisor import LoopSupervisor


def event(number: int = 0, size_bytes: int = 10) -> CheckedEvent:
    return CheckedEvent(0, f"e{number}", f"u{number}", b"x" * size_bytes)


@asynccontextmanager
async def writing(
    *, queue_bytes: int = 1 << 20, wait_s: float = 0.2, connects: bool = True
) -> AsyncIterator[EventWriter]:
    supervisor = LoopSupervisor()
    nobody = f"127.0.0.1:{free_port()}"
    writer = EventWriter(nobody, "topic", queue_bytes=queue_bytes, wait_s=wait_s, supervisor=supervisor)
    if connects:
        writer.start()
    try:
        yield writer
    finally:
        await writer.close()
        await supervisor.close()


@pytest.mark.parametrize("partitions", [0, 3], ids=["never reached", "gone since"])
async def test_what_waited_too_long_is_kept_no_longer(partitions: int) -> None:
    async with writing() as writer:
        if partitions:
            writer._spread(partitions)
        receipts = await asyncio.gather(*(writer.write([event(number)]) for number in range(20)))
        assert not any(receipt.kept for receipt in receipts)
        assert writer.queued_bytes == 0

        async def are_dropped() -> bool:
            return writer.withdrawn == 20

        await eventually("they are dropped", are_dropped)
        assert not writer._early
        assert not any(lane.waiting for lane in writer._lanes)


async def test_a_request_larger_than_the_queue_is_taken_when_nothing_waits() -> None:
    async with writing(queue_bytes=1_000) as writer:
        large = asyncio.ensure_future(writer.write([event(size_bytes=5_000)]))
        await asyncio.sleep(0)
        with pytest.raises(QueueFull):
            await writer.write([event()])
        assert not (await large).kept


class Hanging:
    """A producer that answers when told."""

    def __init__(self) -> None:
        self.answer: asyncio.Future[None] = asyncio.get_running_loop().create_future()

    def create_batch(self) -> Any:
        return self

    def append(self, **_: Any) -> object:
        return self

    async def send_batch(self, *_: Any, **__: Any) -> asyncio.Future[None]:
        return self.answer

    async def stop(self) -> None:
        pass

    async def abandon(self) -> None:
        pass


async def test_a_late_failure_of_a_former_producer_leaves_the_new_one_alone() -> None:
    async with writing(connects=False) as writer:
        former = Hanging()
        writer._producer = former  # type: ignore[assignment]
        receipt = Receipt(1, asyncio.get_running_loop().create_future())
        sent = asyncio.ensure_future(writer.send(0, [(receipt, event())]))
        await asyncio.sleep(0)
        writer._producer = Hanging()  # type: ignore[assignment]
        writer._connected.set()
        former.answer.set_exception(RequestTimedOutError())
        assert not await sent
        assert writer.failed == 1
        assert writer._connected.is_set()
        assert not writer._broken.is_set()
