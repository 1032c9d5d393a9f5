"""How users leave a partition's rows: erased by an order, or purged because they are idle.

A user whose last event is behind the watermark by more than the retention is idle. Idle rows are as good as gone:
nobody sees them, and an event of an idle user makes a new user. So it is a matter of storage alone when `purge` drops
them: the rows of all others, the signals and the sums over the partition are the same, whenever it does, or never.
"""

from tables.partition_ledger import PartitionLedger
from tables.row_cache import RowCache
from tables.user import User


class Departures:
    """Of one partition: its users and its sums, which stay what they are when somebody is purged."""

    def __init__(self, cache: RowCache, ledger: PartitionLedger) -> None:
        self._cache = cache
        self._ledger = ledger

    # -- erasure --------------------------------------------------------------------------------------------------

    def pass_over(self, event_ms: int, offset: int, append_ms: int) -> None:
        """Count the event of an erased user. Lateness stays what it was for the others.

        Raises InvalidEvent (too_old) as a fold does: it may be a dead letter from before the erasure, and must not be
        counted as erased too.
        """
        ledger = self._ledger
        if ledger.is_new(offset):
            ledger.refuse_too_old(event_ms, offset)
            ledger.row.erased += 1
        ledger.advance(event_ms, append_ms)
        ledger.count(offset)

    def forget(self, user_id: str) -> None:
        """Drop every row of a user; what was folded of them counts as erased. A later event makes a new user."""
        user = self._cache.find(user_id)
        if user is not None:
            self._ledger.row.erased += user.row.folded + user.row.duplicates
            self._drop(user)

    def note_erasures(self, next_position: int) -> None:
        """Remember that every erasure before `next_position` was carried out."""
        self._ledger.row.erasures_applied = next_position
        self._ledger.touch()

    # -- purge ----------------------------------------------------------------------------------------------------

    def is_idle(self, user: User) -> bool:
        """Whether a user counts as gone."""
        return user.row.last_event_ms < self._ledger.begin_ms

    def idle_since(self, user_id: str) -> int | None:
        """The last offset in the row of an idle user, None when there is no row or its user is not idle."""
        seen = self._cache.last_seen(user_id)
        if seen is None:
            return None
        event_ms, offset = seen
        return offset if event_ms < self._ledger.begin_ms else None

    def purge(self, user_id: str) -> bool:
        """Drop every row of an idle user; what they counted stays in the sums. False when there is nothing to drop."""
        user = None if self.idle_since(user_id) is None else self._cache.find(user_id)
        if user is None:
            return False
        self.leave(user)
        return True

    def leave(self, user: User) -> None:
        """Drop every row of a user who is idle."""
        self._ledger.row.purged_folded += user.row.folded
        self._ledger.row.purged_duplicates += user.row.duplicates
        self._drop(user)

    def _drop(self, user: User) -> None:
        self._ledger.touch()
        self._cache.drop(user)
