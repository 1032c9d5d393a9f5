"""Publishes traffic as fast as it happened, faster, or as fast as it goes."""

import asyncio
import time
from collections.abc import AsyncIterator, Iterable

from offline.traffic import TimedRecord
from streams.kafka.producer import OutgoingRecord


async def paced(records: Iterable[TimedRecord], speed: float | None) -> AsyncIterator[OutgoingRecord]:
    """The records when they are due, counted from the first one: at `speed` 1 as they happened, at 60 an hour takes a
    minute, at None without waiting. A caller that falls behind gets the next ones at once.
    """
    began_s = time.monotonic()
    first_ms: int | None = None
    for record, due_ms in records:
        if speed is not None:
            first_ms = due_ms if first_ms is None else first_ms
            wait_s = began_s + (due_ms - first_ms) / 1000 / speed - time.monotonic()
            if wait_s > 0:
                await asyncio.sleep(wait_s)
        yield record
