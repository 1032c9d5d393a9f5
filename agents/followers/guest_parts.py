"""What linked guests did, followed from `guest.parts`: by partition of the user they are linked with, as bytes.

Who owns the guest's partition writes it, in the transaction of the guest's row (`agents.guests`); who owns the user's
reads it whenever the user is read (`tables.linked_user`). A worker holds the parts of users that it owns, 1.6 KB for a
guest of 20 events, and of all others only which there are: a new owner compares all that its partition of guests wrote,
to whichever partition of users. A part goes when its guest's row does.
"""

from collections import defaultdict

from aiokafka.structs import ConsumerRecord

from agents.followers.recent_changes import RecentChanges
from streams.contract.reasons import InvalidEvent, Reason
from tables import guest_part
from tables.guest_part import GuestPart

#: A user, their guest and the user's partition.
Name = tuple[str, str, int]


class PartitionParts:
    """Of users of one partition. `users` maps them to the parts of their guests; the mappings grow while others hold
    them."""

    def __init__(self) -> None:
        self.users: dict[str, dict[str, bytes]] = {}
        self._changes = RecentChanges[str]()

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._changes.count

    def put(self, user_id: str, guest_id: str, value: bytes | None) -> None:
        """Takes a valid part, or None = gone."""
        guests = self.users.setdefault(user_id, {})
        if value is None:
            guests.pop(guest_id, None)
        else:
            guests[guest_id] = value
        if not guests:
            del self.users[user_id]
        self._changes.note(user_id)

    def changed_since(self, version: int) -> list[str]:
        """Users of whom a part changed after `version`; all that have any when that is too long ago to tell."""
        changed = self._changes.since(version)
        return list(self.users if changed is None else dict.fromkeys(changed))


class GuestParts:
    """The parts of a version: which there are, and of the users that this process owns, what they say."""

    def __init__(self) -> None:
        self._partitions: dict[int, PartitionParts] = {}
        self._sources: defaultdict[int, dict[Name, int]] = defaultdict(dict)
        self._source_of: dict[Name, int] = {}
        self._read: defaultdict[int, RecentChanges[Name]] = defaultdict(RecentChanges)  # by source

    def of(self, partition: int) -> PartitionParts:
        """Those of users of one partition; the same object until they are dropped."""
        return self._partitions.setdefault(partition, PartitionParts())

    def drop(self, partition: int) -> None:
        """Forgets what those of users of one partition say: another process owns them."""
        self._partitions.pop(partition, None)

    def written_by(self, source: int) -> dict[Name, int]:
        """What the partition of guests `source` wrote ▸ the last offset that the part contains."""
        return self._sources[source]

    def read_of(self, source: int) -> int:
        """How many parts were read that the partition of guests `source` wrote."""
        return self._read[source].count

    def read_since(self, source: int, read: int) -> list[Name]:
        """Which were read after the first `read`; all there are when that is too long ago to tell."""
        last = self._read[source].since(read)
        return list(self._sources[source]) if last is None else last

    def apply(self, record: ConsumerRecord) -> None:
        """Takes what one record of the topic says, in a partition that is owned. One that nobody here wrote changes
        nothing; `apply_name` refuses it."""
        try:
            user_id, guest_id, _ = _read(record)
        except InvalidEvent:
            return
        self.of(record.partition).put(user_id, guest_id, record.value)

    def apply_name(self, record: ConsumerRecord) -> None:
        """Takes which part one record of the topic is, in any partition. Raises `InvalidEvent` for one that
        nobody here wrote, and changes nothing."""
        user_id, guest_id, part = _read(record)
        name = (user_id, guest_id, record.partition)
        known = self._source_of.pop(name, None)
        if known is not None:
            self._sources[known].pop(name, None)
        if part is not None:
            self._source_of[name] = part.source
            self._sources[part.source][name] = part.last_offset
            self._read[part.source].note(name)


def _read(record: ConsumerRecord) -> tuple[str, str, GuestPart | None]:
    try:
        user_id, guest_id = guest_part.ids_in(record.key)
        return user_id, guest_id, None if record.value is None else guest_part.decode(record.value)
    except ValueError as error:
        raise InvalidEvent(Reason.FOLD_FAILED, f"no part of a guest: {error}") from None
