"""Tells the owners of users whose profile lies in another partition than theirs: `streams.contract.misplaced`.

Whoever reads such a profile writes it down, whether or not it was written down before. Nothing is written while
partitions are read for the first time: what a partition said long ago is not its last word, and a user would be
restricted by the one and not by the other for as long as that takes. Of a partition of profiles only the last word of
each user waits, so that is as much as there are users.
"""

import asyncio
import logging
from typing import Final

from agents.delivery.producer import MAX_REQUEST_BYTES
from streams.contract.misplaced import MisplacedProfile, parse_misplaced
from streams.kafka.errors import KafkaError
from streams.kafka.producer import OutgoingRecord, Producer

logger = logging.getLogger(__name__)

ROUND_S: Final = 0.2
#: After a failure rounds are up to so far apart.
MOST_ROUND_S: Final = 10.0
#: As many may wait, 0.3 KB each, before nothing more is read: a producer that places all profiles otherwise.
MOST_WAITING: Final = 10_000


class MisplacedProfiles:
    """What one worker found, on its way to `topic`."""

    def __init__(self, bootstrap: str, topic: str) -> None:
        self._bootstrap = bootstrap
        self._topic = topic
        self._waiting: dict[bytes, OutgoingRecord] = {}
        self._held = False
        self._round_s = ROUND_S
        self._writing = asyncio.Lock()

    def note(self, found: MisplacedProfile, partition: int) -> None:
        """`partition` is that of the user."""
        key, value = found.record()
        self._waiting[key] = OutgoingRecord(self._topic, key, value, partition)

    def hold(self) -> None:
        """Nothing is written until `release`: partitions are read from their beginnings."""
        self._held = True

    def release(self) -> None:
        """All that waits is the last word of its partition."""
        self._held = False

    def drop(self, partition: int) -> None:
        """Another process reads this partition of profiles from now on, and says what lies there."""
        theirs = [key for key in self._waiting if parse_misplaced(key, None).found_in == partition]
        for key in theirs:
            del self._waiting[key]

    async def run(self) -> None:
        """Writes what was found, until cancelled."""
        while True:
            await self._try()
            await asyncio.sleep(self._round_s)

    async def drain(self) -> None:
        """Writes everything when too much waits. For followers, between two polls."""
        while len(self._waiting) > MOST_WAITING and not self._held:
            await self._try()
            if len(self._waiting) > MOST_WAITING:
                await asyncio.sleep(self._round_s)

    async def _try(self) -> None:
        try:
            await self._write()
        except KafkaError as error:  # brokers come and go; what was found waits
            logger.warning("users are not told yet that their profiles are misplaced: %s", error)
            self._round_s = min(2 * self._round_s, MOST_ROUND_S)
        else:
            self._round_s = ROUND_S

    async def _write(self) -> None:
        async with self._writing:
            found = {} if self._held else dict(self._waiting)
            if not found:
                return
            async with Producer(self._bootstrap, max_request_bytes=MAX_REQUEST_BYTES) as producer:
                await producer.publish_all(list(found.values()))
            for key, record in found.items():
                if self._waiting.get(key) is record:  # else there is a newer word, or the partition is another's
                    del self._waiting[key]
