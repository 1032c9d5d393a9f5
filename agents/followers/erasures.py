"""Who is erased, followed from `user.erasure`: read in full before anything is restored or consumed."""

import logging
from collections import defaultdict
from collections.abc import Mapping

from aiokafka.structs import ConsumerRecord

from streams.dead_letters import original_time_ms
from streams.erasure import ErasureMarker, parse_marker, users_named
from streams.identities import PLAIN, Identities

logger = logging.getLogger(__name__)


class PartitionErasures:
    """The erasures of one partition of users. `ends` maps users to the offset before which nothing of them is folded;
    the mapping grows while others hold it."""

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        self.next_position = 0  # in the partition of user.erasure
        self._positions: dict[str, int] = {}

    def apply(self, user_id: str, marker: ErasureMarker | None, position: int) -> None:
        """Takes the record at `position`; None withdraws the user's erasure for whoever reads it from now on."""
        self.next_position = position + 1
        if marker is None:
            self.ends.pop(user_id, None)
            self._positions.pop(user_id, None)
        elif marker.end_offset > 0:
            self.ends[user_id] = max(marker.end_offset, self.ends.get(user_id, 0))
            self._positions.pop(user_id, None)
            self._positions[user_id] = position  # the newest are last

    def since(self, position: int) -> list[str]:
        """Users whose erasure is recorded at `position` or later."""
        users = []
        for user_id, at in reversed(self._positions.items()):
            if at < position:
                break
            users.append(user_id)
        return users


class Erasures:
    """All erasures of the namespace, by partition. The topic names users as producers do; here they have stored ids."""

    def __init__(self, identities: Identities = PLAIN) -> None:
        self._identities = identities
        self._partitions: defaultdict[int, PartitionErasures] = defaultdict(PartitionErasures)
        self._asked_at_ms: dict[str, int] = {}

    def of(self, partition: int) -> PartitionErasures:
        """Those of one partition of users; the same object every time."""
        return self._partitions[partition]

    def apply(self, record: ConsumerRecord) -> None:
        """Takes one record of the topic. One that is unreadable is left to whoever wrote it, and said."""
        user_id = self._identities.of(record.key.decode(errors="replace") if record.key else "")
        try:
            marker = None if record.value is None else parse_marker(record.value)
        except ValueError as error:
            logger.error("no erasure, ignored: %s:%d:%d: %s", record.topic, record.partition, record.offset, error)
            return
        self._partitions[record.partition].apply(user_id, marker, record.offset)
        if marker is None:
            self._asked_at_ms.pop(user_id, None)
        elif marker.end_offset > 0:
            self._asked_at_ms[user_id] = marker.erased_at_ms

    def cover(self, record: ConsumerRecord) -> bool:
        """Whether an unusable record names an erased user and is older than the erasure, so that nothing of it may be
        kept. Such a record may be in any partition, so times decide where offsets of the user's own partition cannot.
        """
        if not self._asked_at_ms:
            return False
        sent_ms = original_time_ms(record.headers) or record.timestamp
        ends: Mapping[str, int] = self._partitions[record.partition].ends
        for user_id in map(self._identities.of, users_named(record.key, record.value)):
            if record.offset < ends.get(user_id, 0) or sent_ms <= self._asked_at_ms.get(user_id, -1):
                return True
        return False

    def cover_republished(self, record: ConsumerRecord) -> bool:
        """Whether a record is the original of a dead letter, published again while its user was being erased: it is
        behind the end of the erasure and still from before it.
        """
        if not self._asked_at_ms or original_time_ms(record.headers) is None:
            return False
        return self.cover(record)
