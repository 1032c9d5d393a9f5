"""What a test waits for while workers are hurt: conditions read from Kafka, with a restart of whoever exited."""

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Iterable
from contextlib import asynccontextmanager

from harness.polling import eventually
from harness.processes import Workers
from ops.group_progress import GroupProgress


class GroupWatch:
    """One consumer group and the workers in it; exited workers are restarted while waiting."""

    def __init__(self, progress: GroupProgress, input_topic: str, workers: Workers) -> None:
        self._progress = progress
        self._input_topic = input_topic
        self._workers = workers

    async def members_are(self, count: int) -> None:
        """Waits until the group is stable with `count` members."""

        async def stable() -> bool:
            self._workers.tend()
            return await self._progress.members() == count

        await eventually(f"{count} workers share the partitions", stable, progress=self._said)

    async def all_partitions_move(self) -> None:
        """Waits until something more was committed in every partition of the input topic; needs a load."""
        before = await self._committed()

        async def moved() -> bool:
            self._workers.tend()
            now = await self._committed()
            return all(now[partition] > before[partition] for partition in before)

        await eventually("every partition moves", moved, progress=self._committed)

    async def caught_up(self, topics: Iterable[str], timeout_s: float = 120) -> None:
        """Waits until everything in `topics` is committed; a topic that others are derived from comes first."""

        async def nothing_left() -> bool:
            self._workers.tend()
            return await self._progress.caught_up(topics)

        await eventually("everything is read", nothing_left, timeout_s, self._committed)

    async def _committed(self) -> dict[int, int]:
        return await self._progress.committed(self._input_topic)

    async def _said(self) -> int:
        return self._workers.log_bytes


@asynccontextmanager
async def live_load(publish: Callable[[int], Awaitable[None]], per_s: int, chunk: int) -> AsyncIterator[None]:
    """Calls `publish(chunk)` at a live pace for as long as the body runs; every call ends before it returns."""
    done = asyncio.Event()

    async def run() -> None:
        while not done.is_set():
            await publish(chunk)
            await asyncio.sleep(chunk / per_s)

    publishing = asyncio.create_task(run())
    try:
        yield
    finally:
        done.set()
        await publishing
