"""Tells the owners of users whose profile lies in another partition than theirs: `streams.contract.misplaced`.

Whoever reads such a profile writes it down, whether or not it was written down before: what is written again says the
same. Of a partition of profiles only the last word of each user counts, so what waits is as much as there are users.
"""

import asyncio
import logging
from typing import Final

from agents.delivery.producer import MAX_REQUEST_BYTES
from streams.contract.misplaced import MisplacedProfile
from streams.kafka.errors import KafkaError
from streams.kafka.producer import OutgoingRecord, Producer

logger = logging.getLogger(__name__)

ROUND_S: Final = 0.2
#: As many may wait, 0.3 KB each, before nothing more is read: a producer that places all profiles otherwise.
MOST_WAITING: Final = 10_000


class MisplacedProfiles:
    """What one worker found, on its way to `topic`."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._waiting: dict[bytes, OutgoingRecord] = {}
        self._writing = asyncio.Lock()

    def note(self, found: MisplacedProfile, partition: int) -> None:
        """`partition` is that of the user."""
        key, value = found.record()
        self._waiting[key] = OutgoingRecord(self._topic, key, value, partition)

    async def run(self) -> None:
        """Writes what was found, until cancelled."""
        while True:
            await self._try()
            await asyncio.sleep(ROUND_S)

    async def drain(self) -> None:
        """Writes everything when too much waits. For followers, between two polls."""
        while len(self._waiting) > MOST_WAITING:
            await self._try()
            if len(self._waiting) > MOST_WAITING:
                await asyncio.sleep(ROUND_S)

    async def _try(self) -> None:
        try:
            await self._write()
        except KafkaError as error:  # brokers come and go; what was found waits
            logger.warning("users are not told yet that their profiles are misplaced: %s", error)

    async def _write(self) -> None:
        async with self._writing:
            found = dict(self._waiting)
            if not found:
                return
            async with Producer(self._bootstrap, max_request_bytes=MAX_REQUEST_BYTES) as producer:
                await producer.publish_all(list(found.values()))
            for key, record in found.items():
                if self._waiting[key] is record:
                    del self._waiting[key]
