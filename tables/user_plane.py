"""The user plane: all users of one input partition, folded in the order of their log.

The state is a function of the log alone: batching, crashes, redelivery and the size of the cache leave no trace in the
rows.

A user whose last event is behind the watermark by more than the retention is idle. Idle rows are as good as gone:
nobody sees them, and an event of an idle user makes a new user. So it is a matter of storage alone when `purge` drops
them: the rows of all others, the signals and the sums over the partition are the same, whenever it does, or never.
"""

from collections.abc import Iterator, Mapping, MutableMapping
from types import MappingProxyType

from streams.events import Interaction, InvalidEvent, Reason
from streams.identities import PLAIN, Identities
from streams.partitioning import partition_of
from tables import partition_row, user_keys, user_row
from tables.cleaning import HeldBack
from tables.dedupe import hash_of
from tables.fold import Fold, FoldKind, FoldLimits
from tables.partition_row import PartitionRow
from tables.signal import Signal
from tables.user import Change, User
from tables.user_row import UserRow
from tables.user_step import Place, step

__all__ = ["Fold", "FoldKind", "FoldLimits", "HeldBack", "Signal", "User", "UserPlane"]

_PARTITION_KEY = user_keys.PARTITION
_NOBODY: Mapping[str, int] = MappingProxyType({})


class UserPlane:
    """The state of one input partition over a `store` of raw rows, which stays up to date with `changes`.

    `erased` maps users to offsets of this partition: their events before it are counted and never folded. It is read
    at every event, so that it may grow meanwhile. Users are known by their stored ids, which `identities` gives to
    events at the door, behind the check of key and partition.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        store: MutableMapping[bytes, bytes],
        limits: FoldLimits,
        erased: Mapping[str, int] = _NOBODY,
        identities: Identities = PLAIN,
    ) -> None:
        self._partition = partition
        self._partitions = partitions
        self._store = store
        self._limits = limits
        self._erased = erased
        self._identities = identities
        self._users: dict[str, User] = {}  # in order of last use: the first is the next to leave
        self._dirty: dict[str, None] = {}
        self._pending: dict[bytes, bytes | None] = {}  # rows of users that left the cache before `changes`
        self._count = sum(1 for key in store if key[:1] == user_keys.USER)
        stored = store.get(_PARTITION_KEY)
        self._row = PartitionRow() if stored is None else partition_row.CODEC.decode(stored)
        self._row_changed = False

    def __len__(self) -> int:
        return self._count

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._users or user_keys.user_key(user_id) in self._store

    @property
    def watermark_ms(self) -> int:
        """Events older than this are late."""
        return self._row.watermark_ms(self._limits.allowed_lateness_ms)

    @property
    def highest_ms(self) -> int:
        """The highest min(event time, append time) so far; 0 before the first event."""
        return self._row.highest_ms

    @property
    def late(self) -> int:
        """Events folded although they were older than the watermark."""
        return self._row.late

    @property
    def too_old(self) -> int:
        """Events rejected because they were older than the retention."""
        return self._row.too_old

    @property
    def erased(self) -> int:
        """Events of erased users: forgotten, or never folded."""
        return self._row.erased

    @property
    def erasures_applied(self) -> int:
        """Position in this partition's erasures before which all were carried out; see `note_erasures`."""
        return self._row.erasures_applied

    def known_as(self, event: Interaction) -> Interaction:
        """The event under the id by which the plane knows its user."""
        return self._identities.stored(event)

    def fold(self, event: Interaction, key: bytes | None, offset: int, append_ms: int) -> Fold:
        """Fold one event. Raises InvalidEvent (wrong_partition, too_old) and then changes no user row."""
        if key != event.user_id.encode():
            raise InvalidEvent(Reason.WRONG_PARTITION, "the record key is not the user id")
        event = self._identities.stored(event)
        user_id = event.user_id
        user = self._find(user_id)
        if user is None and partition_of(key, self._partitions) != self._partition:
            raise InvalidEvent(Reason.WRONG_PARTITION, f"partition {self._partition} does not own this user")
        if offset < self._erased.get(user_id, 0):
            self.pass_over(event.timestamp_ms, offset, append_ms)
            return Fold(FoldKind.ERASED, user_id)
        if user is not None and offset <= user.row.last_offset:
            self._dirty[user_id] = None
            return Fold(FoldKind.REDELIVERED, user_id)
        if user is None and offset <= self._row.last_offset:  # the row it was counted in may have been purged
            return Fold(FoldKind.REDELIVERED, user_id)
        watermark_ms = self._admit(event, offset)
        if user is not None and user.row.last_event_ms < watermark_ms - self._limits.retention_ms:
            self._purge(user)
            user = None
        if user is None:
            user = self._add(user_id)
        self._dirty[user_id] = None
        return self._fold(user, event, Place(offset, append_ms, watermark_ms))

    def pass_over(self, event_ms: int, offset: int, append_ms: int) -> None:
        """Count the event of an erased user. Lateness stays what it was for the others.

        Raises InvalidEvent (too_old) as `fold` does: it may be a dead letter from before the erasure, and must not be
        counted as erased too.
        """
        if offset > self._row.last_offset:
            self._refuse_too_old(event_ms, offset)
            self._row.erased += 1
        partition_row.advance(self._row, event_ms, append_ms)
        self._count_partition(offset)

    def forget(self, user_id: str) -> None:
        """Drop every row of a user; what was folded of them counts as erased. A later event makes a new user."""
        user = self._find(user_id)
        if user is not None:
            self._row.erased += user.row.folded + user.row.duplicates
            self._drop(user)

    def idle_since(self, user_id: str) -> int | None:
        """The last offset in the row of an idle user, None when there is no row or its user is not idle."""
        user = self._users.get(user_id)
        value = None if user else self._store.get(user_keys.user_key(user_id))
        row = user.row if user else value and user_row.LAST_SEEN.decode(value)
        return row.last_offset if row and self._is_idle(row.last_event_ms) else None

    def purge(self, user_id: str) -> bool:
        """Drop every row of an idle user; what they counted stays in the sums. False when there is nothing to drop."""
        user = None if self.idle_since(user_id) is None else self._find(user_id)
        if user is None:
            return False
        self._purge(user)
        return True

    def _is_idle(self, last_event_ms: int) -> bool:
        return last_event_ms < self.watermark_ms - self._limits.retention_ms

    def _purge(self, user: User) -> None:
        self._row.purged_folded += user.row.folded
        self._row.purged_duplicates += user.row.duplicates
        self._drop(user)

    def _drop(self, user: User) -> None:
        del self._users[user.user_id]
        self._dirty.pop(user.user_id, None)
        self._count -= 1
        self._row_changed = True
        self._write([(key, None) for key in user.row_keys()])

    def note_erasures(self, next_position: int) -> None:
        """Remember that every erasure before `next_position` was carried out."""
        self._row.erasures_applied = next_position
        self._row_changed = True

    def _admit(self, event: Interaction, offset: int) -> int:
        """The watermark before this event. Raises InvalidEvent when the event is behind the retention."""
        watermark_ms = self._refuse_too_old(event.timestamp_ms, offset)
        self._count_partition(offset, late=offset > self._row.last_offset and event.timestamp_ms < watermark_ms)
        return watermark_ms

    def _refuse_too_old(self, event_ms: int, offset: int) -> int:
        watermark_ms = self.watermark_ms
        if event_ms < watermark_ms - self._limits.retention_ms:
            self._count_partition(offset, too_old=offset > self._row.last_offset)
            raise InvalidEvent(Reason.TOO_OLD, f"older than the retention behind watermark {watermark_ms}")
        return watermark_ms

    def _count_partition(self, offset: int, *, late: bool = False, too_old: bool = False) -> None:
        row = self._row
        if offset > row.last_offset:
            row.last_offset = offset
        row.late += late
        row.too_old += too_old
        self._row_changed = True

    def _fold(self, user: User, event: Interaction, place: Place) -> Fold:
        row = user.row
        row.last_offset = place.offset
        if place.append_ms > row.last_append_ms:
            row.last_append_ms = place.append_ms
        id_hash = hash_of(event.event_id)
        if id_hash in user.dedupe.known:
            row.duplicates += 1
            return Fold(FoldKind.DUPLICATE, user.user_id)
        partition_row.advance(self._row, event.timestamp_ms, place.append_ms)
        row.folded += 1
        user.dedupe.add(id_hash, row.last_append_ms)
        signal, held_back = step(user, event, place, self._limits.cleaning)
        user.seen.forget_before(self.watermark_ms - self._limits.retention_ms)
        return Fold(FoldKind.FOLDED, user.user_id, signal, held_back)

    def changes(self) -> list[Change]:
        """Encoded rows that changed since the last call (None = dropped); the store is brought up to date too."""
        for user_id in self._dirty:
            user = self._users.get(user_id)
            if user is not None:
                self._write(user.take_changes())
        self._dirty.clear()
        if self._row_changed:
            self._write([(_PARTITION_KEY, partition_row.CODEC.encode(self._row))])
            self._row_changed = False
        changes = list(self._pending.items())
        self._pending.clear()
        return changes

    def _write(self, changes: list[Change]) -> None:
        for key, value in changes:
            self._pending[key] = value
            if value is None:
                self._store.pop(key, None)
            else:
                self._store[key] = value

    def view(self, user_id: str) -> User | None:
        """The user, for reading, None when idle; later folds change the same object."""
        user = self._find(user_id)
        return None if user is None or self._is_idle(user.row.last_event_ms) else user

    def users(self) -> Iterator[str]:
        """All user ids of the partition at the time of the call, in no particular order."""
        # A snapshot: viewing users while iterating may evict changed ones, which writes to the store.
        unwritten = [user_id for user_id in self._dirty if user_keys.user_key(user_id) not in self._store]
        stored = [key for key in self._store if key[:1] == user_keys.USER]
        for key in stored:
            yield key[1:].decode()
        yield from unwritten

    def rows(self) -> Iterator[tuple[str, UserRow]]:
        """Every user's core row, without loading histories into the cache."""
        for user_id in self.users():
            user = self._users.get(user_id)
            value = self._store.get(user_keys.user_key(user_id))
            if user is not None:
                yield user_id, user.row
            elif value is not None:  # else forgotten since the walk began
                yield user_id, user_row.CODEC.decode(value)

    def totals(self) -> tuple[int, int]:
        """(folded, duplicates) over all rows, those that were purged included."""
        folded, duplicates = self._row.purged_folded, self._row.purged_duplicates
        for _, row in self.rows():
            folded += row.folded
            duplicates += row.duplicates
        return folded, duplicates

    def _find(self, user_id: str) -> User | None:
        user = self._users.pop(user_id, None)
        if user is None:
            user = User.load(self._store, user_id, self._limits.history)
            if user is None:
                return None
            self._make_room()
        self._users[user_id] = user
        return user

    def _add(self, user_id: str) -> User:
        self._make_room()
        user = self._users[user_id] = User.new(user_id, self._limits.history)
        self._count += 1
        return user

    def _make_room(self) -> None:
        while len(self._users) >= self._limits.cached_users:
            user_id = next(iter(self._users))
            user = self._users.pop(user_id)
            if user_id in self._dirty:
                self._write(user.take_changes())
