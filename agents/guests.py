"""What guests of one partition did, on its way to the users they are linked with.

    users.links ──▸ links (every worker)            guest.parts ──▸ parts (the user's owner) ──▸ the user's view, list
                      │                                  ▴
    events of a guest ┴──▸ the guest's row ──▸ one transaction: rows, parts, offset

A part is the guest's row as of the transaction it is in, and replaces the one before. So nothing is counted twice,
however often parts are written; and what a user's view contains follows from the rows and the links alone. What is left
undone by a crash, a withdrawn link or a version that begins from a snapshot is found when the partition is taken over:
links and rows are compared with what the topic holds.

Parts of rows that change go with them. Those that links make necessary may be as many as there are guests, and most of
their rows are not in memory: they go a bounded number a transaction, the rest in the next ones.
"""

from collections.abc import Iterable
from itertools import islice

from agents.delivery.outgoing import Outgoing
from agents.followers.guest_parts import GuestParts
from agents.followers.links import Link, LinkedUser, PartitionLinks
from tables import guest_part
from tables.user_plane import UserPlane

#: Parts that one transaction has beside those of the rows that are in it. Each may be a row that is loaded for it, a
#: tenth of a millisecond, and nothing else of the process has its turn meanwhile.
MOST_BEHIND = 200
#: Changes of parts that a new owner takes for news: the last ones, of which the former owner may have made no list. All
#: other lists of former owners are made again at the pace of the full scan.
NEWS_OF_FORMER = 1_000


class Guests:
    """Of one partition of interactions: `links` of its guests, and the `parts` that the version has written. At most
    `most_behind` parts of rows that did not change go at once."""

    def __init__(
        self, topic: str, partition: int, links: PartitionLinks, parts: GuestParts, most_behind: int = MOST_BEHIND
    ) -> None:
        self._topic = topic
        self._partition = partition
        self._links = links
        self._parts = parts
        self._mine = parts.of(partition)
        self._most_behind = most_behind
        self._with_rows: dict[Link, None] = {}
        self._behind: dict[Link, None] = {}
        self._links_seen = links.version
        self._parts_seen = self._parts_read = 0

    @property
    def pending(self) -> bool:
        """Whether links came or went, or parts are to be written."""
        return bool(self._with_rows or self._behind) or self._links.version != self._links_seen

    def begin(self, plane: UserPlane) -> None:
        """The rows were restored: what was left undone is pending, and of parts the last ones are news."""
        self._links_seen, self._parts_seen = self._links.version, max(0, self._mine.version - NEWS_OF_FORMER)
        self._parts_read = self._parts.read_of(self._partition)
        self._with_rows, self._behind = {}, dict.fromkeys(self._undone(plane))

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
        self._behind.update(dict.fromkeys(links))
        return [guest_id for guest_id, _ in links]

    def look(self) -> None:
        """Parts of links that are not in force are pending, should they have become readable after `begin`: a former
        owner's do when a transaction of somebody else in the same partition ends."""
        read, self._parts_read = self._parts_read, self._parts.read_of(self._partition)
        if read != self._parts_read:
            for user_id, guest_id, partition in self._parts.read_since(self._partition, read):
                user = LinkedUser(user_id, partition)
                if self._links.users.get(guest_id) != user:
                    self._behind[guest_id, user] = None

    def note(self, users: Iterable[str]) -> None:
        """Rows of these users changed, or are gone: parts of the guests among them go with what is committed next."""
        linked = self._links.users
        if linked:
            self._with_rows.update(((user_id, linked[user_id]), None) for user_id in users if user_id in linked)

    def take(self, plane: UserPlane) -> list[Outgoing]:
        """The next parts that are pending, as of the rows now; none any more of guests without a row or a link."""
        links, self._with_rows = self._with_rows, {}
        for link in links:
            self._behind.pop(link, None)
        for link in list(islice(self._behind, self._most_behind)):
            del self._behind[link]
            links[link] = None
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
