"""Keeps the running experiments in Redis as the log has them, for endpoints: any worker restores what Redis lost."""

import asyncio
import logging

from serving.experiments import ExperimentBook
from serving.keys import Keys
from serving.redis_errors import RedisUnavailable
from serving.redis_writer import ListWriter

logger = logging.getLogger(__name__)

ROUND_S = 0.5


class ExperimentsCopy:
    """One background loop of a worker."""

    def __init__(self, writer: ListWriter, keys: Keys, book: ExperimentBook) -> None:
        self._writer = writer
        self._key = keys.experiments
        self._book = book

    async def run(self) -> None:
        """Looks twice a second until cancelled; a missing Redis is noticed and said elsewhere."""
        while True:
            try:
                await self.restore()
            except RedisUnavailable as error:
                logger.info("the copy of the experiments waits: %s", error)
            await asyncio.sleep(ROUND_S)

    async def restore(self) -> bool:
        """Writes the copy unless Redis has this one or a later one; True when it was written. Raises
        RedisUnavailable."""
        if not self._book.changed_ms or await self._stored_sequence() >= self._book.changed_ms:
            return False
        return await self._writer.tell_experiments(self._book)

    async def _stored_sequence(self) -> int:
        value = await self._writer.read(self._key)
        try:
            return -1 if value is None else ExperimentBook.decode_running(value)[0]
        except ValueError:
            return -1
