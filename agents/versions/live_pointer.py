"""Keeps the live pointer in Redis as the registry has it: a worker of any version restores what Redis lost."""

import asyncio
import logging
from collections.abc import Callable

from serving.keys import Keys
from serving.live_pointer import InvalidPointer, LivePointer
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter
from serving.registry import Switch

logger = logging.getLogger(__name__)

ROUND_S = 0.5


class LivePointerKeeper:
    """One background loop of a worker; `current` is the last switch that the worker has seen."""

    def __init__(self, writer: ListWriter, keys: Keys, current: Callable[[], Switch | None]) -> None:
        self._writer = writer
        self._key = keys.live
        self._current = current

    async def run(self) -> None:
        """Looks twice a second until cancelled; a missing Redis is noticed and said elsewhere."""
        while True:
            try:
                await self.restore()
            except RedisUnavailable as error:
                logger.info("the live pointer waits: %s", error)
            await asyncio.sleep(ROUND_S)

    async def restore(self) -> bool:
        """Writes the pointer unless Redis has this one or a later one; True when it was written."""
        switch = self._current()
        if switch is None or await self._stored_sequence() >= switch.sequence:
            return False
        written = await self._writer.switch_live(switch.pointer)
        if written:
            logger.info("live pointer %d written: %s", switch.sequence, switch.weights)
        return written

    async def _stored_sequence(self) -> int:
        value = await self._writer.read(self._key)
        try:
            return -1 if value is None else LivePointer.decode(value).sequence
        except InvalidPointer:
            return -1
