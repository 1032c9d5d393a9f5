"""Which guests turned out to be which users, followed from `users.links` in the order of its one partition.

A link is in force from its record on, until it is withdrawn. Of two links of a guest the first one holds: whoever logs
in second on a shared device must not get what the guest did, which belongs to somebody by then. There are no chains: a
guest with whom others are linked is a user, and a user who is linked as a guest is none, so that what somebody did goes
one step and no further. What is refused becomes a dead letter and changes nothing.

Every worker holds all of them, about 0.3 KB each: it owns other partitions a second from now.
"""

from collections import Counter, defaultdict
from typing import NamedTuple

from aiokafka.structs import ConsumerRecord

from agents.followers.recent_changes import RecentChanges
from streams.contract.identities import PLAIN, Identities
from streams.contract.links import GuestLink, parse_link
from streams.contract.reasons import InvalidEvent, Reason
from streams.contract.user_records import user_partition


class LinkedUser(NamedTuple):
    """Whom a guest is linked with, by the stored id, and the partition of their events."""

    user_id: str
    partition: int


#: A guest and whom they are, or were, linked with.
Link = tuple[str, LinkedUser]


class PartitionLinks:
    """The links of guests of one partition. `users` maps guests to whom they are linked with; the mapping grows while
    others hold it."""

    def __init__(self) -> None:
        self.users: dict[str, LinkedUser] = {}
        self._changes = RecentChanges[Link]()

    @property
    def version(self) -> int:
        """Grows with every change."""
        return self._changes.count

    def link(self, guest_id: str, user: LinkedUser) -> None:
        """The guest is linked from now on."""
        self.users[guest_id] = user
        self._changes.note((guest_id, user))

    def withdraw(self, guest_id: str) -> LinkedUser | None:
        """The guest is linked no more; with whom they were."""
        user = self.users.pop(guest_id, None)
        if user is not None:
            self._changes.note((guest_id, user))
        return user

    def changed_since(self, version: int) -> list[Link] | None:
        """Links that came or went after `version`; None when that is too long ago to tell."""
        return self._changes.since(version)


class Links:
    """All links of the namespace, by partition of the guest and by stored ids."""

    def __init__(self, partitions: int, identities: Identities = PLAIN) -> None:
        self._identities = identities
        self._number = partitions
        self._partitions: defaultdict[int, PartitionLinks] = defaultdict(PartitionLinks)
        self._linked_with: Counter[str] = Counter()  # how many guests a user has
        self._guests: dict[str, str] = {}  # with whom they are linked

    def of(self, partition: int) -> PartitionLinks:
        """Those of guests of one partition; the same object every time."""
        return self._partitions[partition]

    def apply(self, record: ConsumerRecord) -> None:
        """Takes one record of the topic. Raises `InvalidEvent` for one that is refused, and changes nothing."""
        link = parse_link(record.key, record.value)
        if link is None:
            self._withdraw((record.key or b"").decode())
        else:
            self._link(link)

    def _link(self, link: GuestLink) -> None:
        guest_id, user_id = self._identities.of(link.guest_id), self._identities.of(link.user_id)
        known = self._guests.get(guest_id)
        if known == user_id:
            return
        if known is not None:
            raise InvalidEvent(Reason.ALREADY_LINKED, "the guest is linked with another user")
        if user_id in self._guests:
            raise InvalidEvent(Reason.LINK_CHAIN, "the user is linked with another one as a guest")
        if self._linked_with[guest_id]:
            raise InvalidEvent(Reason.LINK_CHAIN, "guests are linked with the guest, as with a user")
        self._guests[guest_id] = user_id
        self._linked_with[user_id] += 1
        user = LinkedUser(user_id, user_partition(link.user_id, self._number))
        self.of(user_partition(link.guest_id, self._number)).link(guest_id, user)

    def _withdraw(self, sent_id: str) -> None:
        guest_id = self._identities.of(sent_id)
        if self.of(user_partition(sent_id, self._number)).withdraw(guest_id) is not None:
            user_id = self._guests.pop(guest_id)
            self._linked_with[user_id] -= 1
            if not self._linked_with[user_id]:
                del self._linked_with[user_id]
