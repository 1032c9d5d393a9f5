"""Ends a producer whose batch failed, so that nothing of what it holds is written from then on.

aiokafka's `stop` waits until every batch is acknowledged, and an idempotent producer gives none up while the error may
pass: ended that way, the producer of a broker that is away lives on, and writes what its senders were told was not
kept. What is in the broker's own socket when it is abandoned may still be read by it; nothing is sent again.

This reaches into aiokafka, whose version is pinned; tests/serving/collect/test_hanging_broker.py says when it moves.
"""

from __future__ import annotations

import asyncio
from typing import Any

from aiokafka.errors import ProducerClosed

#: What is cancelled has so long to end.
END_S = 2.0


class ProduceRequests:
    """The requests of one sender that are under way. Made before its producer is started."""

    def __init__(self, sender: Any) -> None:
        self.tasks: set[asyncio.Task[None]] = set()
        self.ended = False
        self._send = sender._send_produce_req
        sender._send_produce_req = self._tracked

    async def _tracked(self, node_id: int, batches: Any) -> None:
        task = asyncio.current_task()
        assert task is not None
        if self.ended:  # made by the sender in the turn in which it was ended
            return
        self.tasks.add(task)
        try:
            await self._send(node_id, batches)
        finally:
            self.tasks.discard(task)


async def abandon(producer: Any, requests: ProduceRequests) -> None:
    """Returns once no task of the producer lives, or after a few seconds. Who waits for a batch gets ProducerClosed."""
    producer._closed = requests.ended = True
    accumulator = producer._message_accumulator
    accumulator._closed = True
    batches = [*accumulator._pending_batches, *(batch for queue in accumulator._batches.values() for batch in queue)]
    accumulator.fail_all(ProducerClosed())
    accumulator._batches.clear()
    for batch in batches:  # whoever gave up waiting hears of it no more, which is no error
        for told in (batch.future, batch._drain_waiter):
            if not told.cancelled():
                told.exception()
    sender: asyncio.Task[None] | None = producer._sender.sender_task
    tasks = {*requests.tasks, *((sender,) if sender is not None else ())}
    for task in tasks:
        task.cancel()
    for connection in list(producer.client._conns.values()):
        if connection._writer is not None:
            connection._writer.transport.abort()  # `close` sends what is left to be sent
    closing = asyncio.ensure_future(producer.client.close())
    done, _ = await asyncio.wait({*tasks, closing}, timeout=END_S)
    for task in done:
        if not task.cancelled():
            task.exception()
    closing.cancel()
