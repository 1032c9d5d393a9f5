"""Who is erased, followed from `user.erasure`: read in full before anything is restored or consumed."""

from collections import defaultdict
from collections.abc import Iterable, Mapping

from aiokafka.structs import ConsumerRecord

from streams.contract.dead_letters import original_time_ms
from streams.contract.erasure import ErasureMarker, marker_in, users_named
from streams.contract.id_search import Ids, suspects
from streams.contract.identities import PLAIN, Identities


class PartitionErasures:
    """The erasures of one partition of users. `ends` maps users to the offset before which nothing of them is folded;
    the mapping grows while others hold it."""

    def __init__(self) -> None:
        self.ends: dict[str, int] = {}
        self.next_position = 0  # in the partition of user.erasure
        self.last_end = 0  # the highest of all that ever were
        self._positions: dict[str, int] = {}

    def apply(self, user_id: str, marker: ErasureMarker | None, position: int) -> None:
        """Takes the record at `position`; None withdraws the user's erasure for whoever reads it from now on."""
        self.next_position = position + 1
        if marker is None:
            self.ends.pop(user_id, None)
            self._positions.pop(user_id, None)
        elif marker.end_offset > 0:
            self.ends[user_id] = max(marker.end_offset, self.ends.get(user_id, 0))
            self.last_end = max(marker.end_offset, self.last_end)
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
        self._sent_ids = Ids()  # as producers write them: what unusable records may hold
        self._last_asked_ms = 0

    def of(self, partition: int) -> PartitionErasures:
        """Those of one partition of users; the same object every time."""
        return self._partitions[partition]

    def apply(self, record: ConsumerRecord) -> None:
        """Takes one record of the topic. Raises `InvalidEvent` for one that cannot be read, and changes nothing."""
        sent_id, marker = marker_in(record.key, record.value)
        user_id = self._identities.of(sent_id)
        self._partitions[record.partition].apply(user_id, marker, record.offset)
        if marker is None:
            self._asked_at_ms.pop(user_id, None)
            self._sent_ids.discard(sent_id)
        elif marker.end_offset > 0:
            self._asked_at_ms[user_id] = marker.erased_at_ms
            self._sent_ids.add(sent_id)
            self._last_asked_ms = max(self._last_asked_ms, marker.erased_at_ms)

    def cover(self, record: ConsumerRecord) -> bool:
        """Whether an unusable record names an erased user, in any encoding, or cannot be read so that it may, and is
        older than the erasure: nothing of it may be kept. Such a record may be in any partition, so times decide where
        offsets of the user's own partition cannot.
        """
        if not self._asked_at_ms:
            return False
        if self._covers(record, users_named(record.key, record.value)):
            return True
        sent_ms = original_time_ms(record.headers) or record.timestamp
        if sent_ms > self._last_asked_ms and record.offset >= self._partitions[record.partition].last_end:
            return False
        found = suspects(self._sent_ids, record.key, record.value, [value for _, value in record.headers if value])
        return self._covers(record, found.all)

    def _covers(self, record: ConsumerRecord, users: Iterable[str]) -> bool:
        sent_ms = original_time_ms(record.headers) or record.timestamp
        ends: Mapping[str, int] = self._partitions[record.partition].ends
        for user_id in map(self._identities.of, users):
            if record.offset < ends.get(user_id, 0) or sent_ms <= self._asked_at_ms.get(user_id, -1):
                return True
        return False

    def cover_republished(self, record: ConsumerRecord) -> bool:
        """Whether a record is the original of a dead letter, published again while its user was being erased: it is
        behind the end of the erasure and still from before it.
        """
        if not self._asked_at_ms or original_time_ms(record.headers) is None:
            return False
        return self._covers(record, users_named(record.key, record.value))
