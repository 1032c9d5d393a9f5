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
#: `freshet promote` writes the registry, then Redis: a worker that reads the log late knows less for a while.
AHEAD_ROUNDS = 20


class LivePointerKeeper:
    """One background loop of a worker; `current` is the last switch that the worker has seen."""

    def __init__(self, writer: ListWriter, keys: Keys, current: Callable[[], Switch | None]) -> None:
        self._writer = writer
        self._key = keys.live
        self._current = current
        self._ahead: tuple[int, int] | None = None
        self._ahead_rounds = 0

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
        if switch is None:
            return False
        stored = await self._stored_sequence()
        if stored >= switch.sequence:
            self._say_ahead(stored, switch.sequence)
            return False
        written = await self._writer.switch_live(switch.pointer)
        if written:
            logger.info("live pointer %d written: %s", switch.sequence, switch.weights)
        return written

    def _say_ahead(self, stored: int, known: int) -> None:
        """A registry that was made again, or cut off, stays behind the pointer that was made from it."""
        ahead = (stored, known) if stored > known else None
        self._ahead_rounds = self._ahead_rounds + 1 if ahead == self._ahead else 1
        self._ahead = ahead
        if ahead and self._ahead_rounds == AHEAD_ROUNDS:
            logger.critical(
                "the live pointer in Redis is of switch %d, but the registry ends with %d: it was made again or lost "
                "its end, and readers are served as the pointer says until the next `freshet promote`",
                *(stored, known),
            )

    async def _stored_sequence(self) -> int:
        value = await self._writer.read(self._key)
        try:
            return -1 if value is None else LivePointer.decode(value).sequence
        except InvalidPointer:
            return -1
