"""What guests of one partition did, on its way to the users they are linked with.

    users.links ──▸ links (every worker)            guest.parts ──▸ parts (every worker) ──▸ the user's view and list
                      │                                  ▴
    events of a guest ┴──▸ the guest's row ──▸ one transaction: rows, parts, offset

A part is the guest's row as of the transaction it is in, and replaces the one before. So nothing is counted twice,
however often parts are written; and what a user's view contains follows from the rows and the links alone. What is left
undone by a crash, a withdrawn link or a version that begins from a snapshot is found when the partition is taken over:
links and rows are compared with what the topic holds.
"""

from collections.abc import Iterable

from agents.delivery.outgoing import Outgoing
from agents.followers.guest_parts import GuestParts
from agents.followers.links import Link, LinkedUser, PartitionLinks
from tables import guest_part
from tables.user_plane import UserPlane


class Guests:
    """Of one partition of interactions: `links` of its guests, and the `parts` that the version has written."""

    def __init__(self, topic: str, partition: int, links: PartitionLinks, parts: GuestParts) -> None:
        self._topic = topic
        self._partition = partition
        self._links = links
        self._parts = parts
        self._mine = parts.of(partition)
        self._pending_parts: dict[Link, None] = {}
        self._links_seen = links.version
        self._parts_seen = 0

    @property
    def pending(self) -> bool:
        """Whether links came or went, or parts are to be written."""
        return bool(self._pending_parts) or self._links.version != self._links_seen

    def begin(self, plane: UserPlane) -> None:
        """The rows were restored: what was left undone is pending, and which users have been told of nobody knows."""
        self._links_seen, self._parts_seen = self._links.version, 0
        self._pending_parts = dict.fromkeys(self._undone(plane))

    def _undone(self, plane: UserPlane) -> Iterable[Link]:
        written = self._parts.written_by(self._partition)
        for user_id, guest_id, partition in list(written):
            if self._links.users.get(guest_id) != (user_id, partition):
                yield guest_id, LinkedUser(user_id, partition)
        for guest_id, user in self._links.users.items():
            if plane.last_offset(guest_id) != written.get((user.user_id, guest_id, user.partition)):
                yield guest_id, user

    def follow(self, plane: UserPlane) -> list[str]:
        """Guests of this partition who were linked, or are no more, since the last call; their parts are pending."""
        if self._links.version == self._links_seen:
            return []
        changed = self._links.changed_since(self._links_seen)
        self._links_seen = self._links.version
        links = list(self._undone(plane)) if changed is None else changed
        self._pending_parts.update(dict.fromkeys(links))
        return [guest_id for guest_id, _ in links]

    def note(self, users: Iterable[str]) -> None:
        """Rows of these users changed, or are gone: parts of the guests among them are pending."""
        linked = self._links.users
        if linked:
            self._pending_parts.update(((user_id, linked[user_id]), None) for user_id in users if user_id in linked)

    def take(self, plane: UserPlane) -> list[Outgoing]:
        """The parts that are pending, as of the rows now; none any more of guests without a row or a link."""
        links, self._pending_parts = self._pending_parts, {}
        return [
            Outgoing(
                self._topic,
                user.partition,
                guest_part.key_of(user.user_id, guest_id),
                self._part(plane, guest_id) if self._links.users.get(guest_id) == user else None,
            )
            for guest_id, user in links
        ]

    def _part(self, plane: UserPlane, guest_id: str) -> bytes | None:
        guest = plane.own(guest_id)
        return None if guest is None else guest_part.encode(guest, self._partition)

    @property
    def has_news(self) -> bool:
        """Whether parts of users of this partition changed since they were taken last."""
        return self._parts_seen != self._mine.version

    def take_news(self) -> list[str]:
        """Users of this partition of whom a part changed since the last call."""
        users = self._mine.changed_since(self._parts_seen)
        self._parts_seen = self._mine.version
        return users
