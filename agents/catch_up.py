"""Whether a version that serves nobody is far behind the log, so that it folds only and leaves lists for later."""

from collections.abc import Callable, Iterable

from tables.user_plane import UserPlane

#: Beyond this age of what is being folded nobody would see the lists before they are made again.
FAR_MS = 60_000


class CatchUp:
    """One partition of interactions. A version that `serves` anybody is never far: its lists are read.

    It is far from the beginning, until `arrive` is called because its offset is at the log's end. That nothing comes
    for a while says nothing: a partition may wait for a slow broker, for others of its process, or for an archive. Nor
    does the age of what comes: a log of years may have been written a second ago. `arrived` is called before any list
    is made.
    """

    def __init__(
        self,
        serves: Callable[[], bool],
        arrived: Callable[[], None] = lambda: None,
        unsettled: Callable[[], bool] = lambda: False,
    ) -> None:
        self._serves = serves
        self._arrived = arrived
        self._unsettled = unsettled
        self._far = True

    @property
    def far(self) -> bool:
        """Whether its end is not reached."""
        return self._far and not self._serves()

    @property
    def leaves_lists(self) -> bool:
        """Whether lists are left for later: until the version is settled, what items know is not all they will."""
        return self.far or self._unsettled()

    def batch(self, plane: UserPlane, users: Iterable[str], now_ms: int) -> None:
        """A batch with events of `users` was folded into `plane`; one without a usable event says nothing."""
        if self._serves():
            self._far = False  # nobody looks where its end is, should it serve nobody one day
        rows = (user.row for user_id in users if (user := plane.view(user_id)) is not None)
        append_ms = max((row.last_append_ms for row in rows), default=now_ms)
        if now_ms - append_ms > FAR_MS:
            self._far = True

    def arrive(self) -> None:
        """The group's offset was seen at the end that the log had a moment ago."""
        if self._far:
            self._far = False
            self._arrived()
