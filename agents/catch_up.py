"""Whether a version that serves nobody is far behind the log, so that it folds only and leaves lists for later."""

from collections.abc import Callable, Iterable

from tables.user_plane import UserPlane

#: Beyond this age of what is being folded nobody would see the lists before they are made again.
FAR_MS = 60_000
#: Within this age the lists of active users are made. Far below FAR_MS, so that a version does not go to and fro.
NEAR_MS = 5_000
#: A log that ends has no young records: after so many ticks (5 s) without a batch its end is reached. Ticks, not time:
#: a process that is busy with its other partitions ticks rarely, and brings this one its batches rarely.
QUIET_TICKS = 25


def is_far(far: bool, lag_ms: int) -> bool:
    """Whether a reader that is (not) far from the head is so after a batch that was appended `lag_ms` ago.

    >>> is_far(False, 59_000), is_far(False, 61_000), is_far(True, 6_000), is_far(True, 4_000)
    (False, True, True, False)
    """
    return lag_ms > (NEAR_MS if far else FAR_MS)


class CatchUp:
    """One partition of interactions. A version that `serves` anybody is never far: its lists are read.

    A partition that `waits` for others is not quiet. `arrived` is called when it is near, before any list is made.
    """

    def __init__(
        self,
        serves: Callable[[], bool],
        waits: Callable[[], bool] = lambda: False,
        arrived: Callable[[], None] = lambda: None,
    ) -> None:
        self._serves = serves
        self._waits = waits
        self._arrived = arrived
        self._far = True  # until a batch says how old the log is, or there is none
        self._quiet_ticks = 0

    @property
    def far(self) -> bool:
        """Whether lists are left for later now."""
        return self._far and not self._serves()

    def batch(self, plane: UserPlane, users: Iterable[str], now_ms: int) -> None:
        """A batch with events of `users` was folded into `plane`; one without a usable event says nothing."""
        rows = (user.row for user_id in users if (user := plane.view(user_id)) is not None)
        append_ms = max((row.last_append_ms for row in rows), default=None)
        if append_ms is not None:
            self._set(is_far(self._far, now_ms - append_ms))
        self._quiet_ticks = 0

    def tick(self) -> None:
        """Time goes by, with or without a batch."""
        self._quiet_ticks = 0 if self._waits() else self._quiet_ticks + 1
        if self._quiet_ticks >= QUIET_TICKS:
            self._set(False)

    def _set(self, far: bool) -> None:
        arrived = self._far and not far
        self._far = far
        if arrived:
            self._arrived()
