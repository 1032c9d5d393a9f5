"""The user plane: all users of one input partition, folded in the order of their log.

The state is a function of the log alone: batching, crashes, redelivery and the size of the cache leave no trace in the
rows. The fold is here; rows in memory are in `row_cache`, sums and event time of the partition in `partition_ledger`,
and users who are erased or purged in `departures`.

What an active user did before the retention leaves history and continue watching with the user's next event, so that no
entry gets older than twice the retention.
"""

from collections.abc import Container, Iterator, Mapping, MutableMapping
from dataclasses import dataclass, field
from types import MappingProxyType

from streams.contract.events import Interaction, InvalidEvent, Reason
from streams.contract.identities import PLAIN, Identities
from streams.contract.partitioning import partition_of
from tables import guest_part, user_keys
from tables.cleaning import ExclusionReason
from tables.dedupe import hash_of
from tables.departures import Departures
from tables.fold import Fold, FoldKind, FoldLimits
from tables.guest_part import GuestPart
from tables.linked_user import linked_user
from tables.partition_ledger import PartitionLedger
from tables.row_cache import RowCache
from tables.signal import Signal
from tables.user import Change, User
from tables.user_row import UserRow
from tables.user_step import EventPosition, step

__all__ = ["ExclusionReason", "Fold", "FoldKind", "FoldLimits", "Signal", "User", "UserPlane"]

_NOBODY: Mapping[str, int] = MappingProxyType({})


@dataclass(frozen=True, slots=True)
class Linked:
    """Who is linked in one partition: `guests` of it that belong to somebody, and the valid parts (`tables.guest_part`)
    of its users' guests by user and guest. Both may grow while the plane holds them."""

    guests: Container[str] = ()
    parts: Mapping[str, Mapping[str, bytes]] = field(default_factory=dict)


NOBODY_LINKED = Linked()


class UserPlane:
    """The state of one input partition over a `store` of raw rows, which stays up to date with `changes`.

    `erased` maps users to offsets of this partition: their events before it are counted and never folded. It is read
    at every event, so that it may grow meanwhile. Users are known by their stored ids, which `identities` gives to
    events at ingress, behind the check of key and partition.
    """

    def __init__(
        self,
        partition: int,
        partitions: int,
        store: MutableMapping[bytes, bytes],
        limits: FoldLimits,
        erased: Mapping[str, int] = _NOBODY,
        identities: Identities = PLAIN,
        linked: Linked = NOBODY_LINKED,
    ) -> None:
        self._linked = linked
        self._partition = partition
        self._partitions = partitions
        self._store = store
        self._limits = limits
        self._erased = erased
        self._identities = identities
        self._cache = RowCache(store, limits.history, limits.cached_users)
        self._ledger = PartitionLedger(store.get(user_keys.PARTITION), limits.allowed_lateness_ms, limits.retention_ms)
        self._departures = Departures(self._cache, self._ledger)

    def __len__(self) -> int:
        return len(self._cache)

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._cache

    @property
    def watermark_ms(self) -> int:
        """Events older than this are late."""
        return self._ledger.watermark_ms

    @property
    def highest_ms(self) -> int:
        """The highest min(event time, append time) so far; 0 before the first event."""
        return self._ledger.row.highest_ms

    @property
    def late(self) -> int:
        """Events folded although they were older than the watermark."""
        return self._ledger.row.late

    @property
    def too_old(self) -> int:
        """Events rejected because they were older than the retention."""
        return self._ledger.row.too_old

    @property
    def erased(self) -> int:
        """Events of erased users: forgotten, or never folded."""
        return self._ledger.row.erased

    @property
    def erasures_applied(self) -> int:
        """Position in this partition's erasures before which all were carried out; see `note_erasures`."""
        return self._ledger.row.erasures_applied

    # -- fold -----------------------------------------------------------------------------------------------------

    def identified(self, event: Interaction, key: bytes | None) -> Interaction:
        """An event as it was sent, under the ids by which the plane knows it. Raises InvalidEvent (wrong_partition)."""
        if key != event.user_id.encode():
            raise InvalidEvent(Reason.WRONG_PARTITION, "the record key is not the user id")
        event = self._identities.stored(event)
        if self._cache.find(event.user_id) is None and partition_of(key, self._partitions) != self._partition:
            raise InvalidEvent(Reason.WRONG_PARTITION, f"partition {self._partition} does not own this user")
        return event

    def fold(self, event: Interaction, key: bytes | None, offset: int, append_ms: int) -> Fold:
        """Fold an event as it was sent. Raises InvalidEvent (wrong_partition, too_old) and then changes no user row."""
        return self.fold_identified(self.identified(event, key), offset, append_ms)

    def fold_identified(self, event: Interaction, offset: int, append_ms: int) -> Fold:
        """Fold one event under stored ids. Raises InvalidEvent (too_old) and then changes no user row."""
        user_id, cache, ledger = event.user_id, self._cache, self._ledger
        user = cache.find(user_id)
        if offset < self._erased.get(user_id, 0):
            self.pass_over(event.timestamp_ms, offset, append_ms)
            return Fold(FoldKind.ERASED, user_id)
        if user is not None and offset <= user.row.last_offset:
            cache.touch(user_id)
            return Fold(FoldKind.REDELIVERED, user_id)
        if user is None and not ledger.is_new(offset):  # the row it was counted in may have been purged
            return Fold(FoldKind.REDELIVERED, user_id)
        watermark_ms = ledger.admit(event.timestamp_ms, offset)
        if user is not None and self._departures.is_idle(user):
            self._departures.leave(user)
            user = None
        if user is None:
            user = cache.add(user_id)
        cache.touch(user_id)
        return self._fold(user, event, EventPosition(offset, append_ms, watermark_ms))

    def _fold(self, user: User, event: Interaction, position: EventPosition) -> Fold:
        row = user.row
        row.last_offset = position.offset
        if position.append_ms > row.last_append_ms:
            row.last_append_ms = position.append_ms
        id_hash = hash_of(event.event_id)
        if id_hash in user.dedupe.known:
            row.duplicates += 1
            return Fold(FoldKind.DUPLICATE, user.user_id)
        self._ledger.advance(event.timestamp_ms, position.append_ms)
        row.folded += 1
        user.dedupe.add(id_hash, row.last_append_ms)
        user.forget_before(position.watermark_ms - self._limits.retention_ms)
        signal, excluded = step(user, event, position, self._limits.cleaning)
        user.seen.forget_before(self._ledger.begin_ms)
        return Fold(FoldKind.FOLDED, user.user_id, signal, excluded, event.timestamp_ms < position.watermark_ms)

    def changes(self) -> list[Change]:
        """Encoded rows that changed since the last call (None = dropped); the store is brought up to date too."""
        self._cache.write_touched()
        row = self._ledger.take_change()
        if row is not None:
            self._cache.write([(user_keys.PARTITION, row)])
        return self._cache.take_written()

    # -- who leaves: see departures -------------------------------------------------------------------------------

    def pass_over(self, event_ms: int, offset: int, append_ms: int) -> None:
        """Count the event of an erased user. Raises InvalidEvent (too_old) as `fold` does."""
        self._departures.pass_over(event_ms, offset, append_ms)

    def forget(self, user_id: str) -> None:
        """Drop every row of a user who was erased."""
        self._departures.forget(user_id)

    def note_erasures(self, next_position: int) -> None:
        """Remember that every erasure before `next_position` was carried out."""
        self._departures.note_erasures(next_position)

    def idle_since(self, user_id: str) -> int | None:
        """The last offset in the row of an idle user, None when there is no row or its user is not idle."""
        return None if self._parts_of(user_id) else self._departures.idle_since(user_id)

    def purge(self, user_id: str) -> bool:
        """Drop every row of an idle user; what they counted stays in the sums. False when there is nothing to drop."""
        return self._departures.purge(user_id)

    # -- reading --------------------------------------------------------------------------------------------------

    def view(self, user_id: str) -> User | None:
        """The user with what their guests did, for reading; None when idle, and for a guest who is linked: nobody is to
        see what they did under the guest's id. Later folds may change the same object."""
        if self.is_guest(user_id):
            return None
        own, parts = self.own(user_id), self._parts_of(user_id)
        return linked_user(user_id, own, parts, self._limits.history) if parts else own

    def own(self, user_id: str) -> User | None:
        """The user's own row alone, None when idle; later folds change the same object."""
        user = self._cache.find(user_id)
        return None if user is None or self._departures.is_idle(user) else user

    def last_offset(self, user_id: str) -> int | None:
        """The last offset in the user's own row; None without one, and when idle."""
        seen = self._cache.last_seen(user_id)
        return None if seen is None or seen[0] < self._ledger.begin_ms else seen[1]

    def linked_users(self) -> Iterator[str]:
        """Everybody of whose guests something is known, at the time of the call."""
        return iter(list(self._linked.parts))

    def linked_append_ms(self, user_id: str) -> int | None:
        """When the last event of the user's guests was appended, those left out who are idle; None without any. Loads
        nothing, and costs a fortieth of a view."""
        done = map(guest_part.LAST_DONE.decode, self._linked.parts.get(user_id, {}).values())
        begin_ms = self._ledger.begin_ms
        return max((one.last_append_ms for one in done if one.last_event_ms >= begin_ms), default=None)

    def is_guest(self, user_id: str) -> bool:
        """Whether the user is a guest of this partition who is linked with somebody."""
        return user_id in self._linked.guests

    def is_linked(self, user_id: str) -> bool:
        """Whether anything is known of the user's guests."""
        return user_id in self._linked.parts

    def _parts_of(self, user_id: str) -> list[GuestPart]:
        """What the user's guests did, those left out who are idle."""
        parts = self._linked.parts.get(user_id)
        if not parts:
            return []
        begin_ms = self._ledger.begin_ms
        return [part for part in map(guest_part.decode, parts.values()) if part.last_event_ms >= begin_ms]

    def users(self) -> Iterator[str]:
        """All user ids of the partition at the time of the call, in no particular order."""
        return self._cache.users()

    def rows(self) -> Iterator[tuple[str, UserRow]]:
        """Every user's core row, without loading histories into the cache."""
        return self._cache.rows()

    def totals(self) -> tuple[int, int]:
        """(folded, duplicates) over all rows, those that were purged included."""
        folded, duplicates = self._ledger.row.purged_folded, self._ledger.row.purged_duplicates
        for _, row in self.rows():
            folded += row.folded
            duplicates += row.duplicates
        return folded, duplicates
