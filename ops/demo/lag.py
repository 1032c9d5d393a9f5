"""What is in the log and what the group has folded of it."""

import asyncio
import time
from dataclasses import dataclass

from ops.demo.errors import DemoError
from ops.group_progress import GroupProgress
from ops.processes.waiting import until
from streams.kafka.topics import Topics

DRAIN_TIMEOUT_S = 120.0
_POLL_S = 0.2


@dataclass(frozen=True, slots=True)
class Positions:
    """Offsets of the interactions topic by partition: its end, and where the group goes on."""

    ends: dict[int, int]
    committed: dict[int, int]

    @property
    def lag(self) -> int:
        """Records that are in the log and not folded."""
        return sum(self.ends.values()) - self.folded

    @property
    def folded(self) -> int:
        """Records whose outcome is committed."""
        return sum(self.committed.values())


async def read_positions(progress: GroupProgress, topics: Topics) -> Positions:
    """The positions now; a partition that was never committed counts from 0. Raises aiokafka's `KafkaError`."""
    committed = await progress.committed(topics.interactions)
    return Positions(await progress.ends(topics.interactions), committed)


async def wait_until_drained(progress: GroupProgress, topics: Topics) -> Positions:
    """Returns when nothing is left to fold and everything folded can be read. Raises `DemoError`."""
    positions = await _wait_until_folded(progress, topics)

    async def is_readable() -> bool:
        return await progress.readable([topics.user_changelog, topics.dead_letters])

    await until(is_readable, DRAIN_TIMEOUT_S, lambda: "the last transactions did not end")
    return positions


async def _wait_until_folded(progress: GroupProgress, topics: Topics) -> Positions:
    best, since_s = -1, time.monotonic()
    while True:
        positions = await read_positions(progress, topics)
        if positions.lag == 0:
            return positions
        if positions.folded > best:
            best, since_s = positions.folded, time.monotonic()
        if time.monotonic() - since_s > DRAIN_TIMEOUT_S:
            raise DemoError(f"the workers folded {best} records and then none for {DRAIN_TIMEOUT_S:g} s")
        await asyncio.sleep(_POLL_S)
