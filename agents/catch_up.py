"""Whether a version that serves nobody is far behind the log, so that it folds only and leaves lists for later."""

from collections.abc import Callable, Iterable

from tables.user_plane import UserPlane

#: Beyond this age of what is being folded nobody would see the lists before they are made again.
FAR_MS = 60_000
#: Within this age the lists of active users are made. Far below FAR_MS, so that a version does not go to and fro.
NEAR_MS = 5_000
#: A log that ends has no young records: without a batch for this long its end is reached.
QUIET_MS = 3_000


def is_far(far: bool, lag_ms: int) -> bool:
    """Whether a reader that is (not) far from the head is so after a batch that was appended `lag_ms` ago.

    >>> is_far(False, 59_000), is_far(False, 61_000), is_far(True, 6_000), is_far(True, 4_000)
    (False, True, True, False)
    """
    return lag_ms > (NEAR_MS if far else FAR_MS)


class CatchUp:
    """One partition of interactions. A version that `serves` anybody is never far: its lists are read."""

    def __init__(self, serves: Callable[[], bool]) -> None:
        self._serves = serves
        self._far = False
        self._batch_at_ms = 0

    @property
    def far(self) -> bool:
        """Whether lists are left for later now."""
        return self._far and not self._serves()

    def batch(self, plane: UserPlane, users: Iterable[str], now_ms: int) -> None:
        """A batch with events of `users` was folded into `plane`; one without a usable event says nothing."""
        rows = (user.row for user_id in users if (user := plane.view(user_id)) is not None)
        append_ms = max((row.last_append_ms for row in rows), default=None)
        if append_ms is not None:
            self._far = is_far(self._far, now_ms - append_ms)
            self._batch_at_ms = now_ms

    def tick(self, now_ms: int) -> None:
        """Time goes by, with or without a batch."""
        if now_ms - self._batch_at_ms >= QUIET_MS:
            self._far = False
