"""The last changes of what is followed, for those who look at it now and then."""

from collections import deque
from typing import Final, Generic, TypeVar

#: Changes that are remembered one by one; whoever asks about older ones is told "everything may have changed".
REMEMBERED_CHANGES: Final = 10_000

T = TypeVar("T")


class RecentChanges(Generic[T]):
    """What changed, in order; `count` is how often anything did.

    >>> changes = RecentChanges[str]()
    >>> for name in "abc":
    ...     changes.note(name)
    >>> changes.count, changes.since(1), changes.since(3)
    (3, ['b', 'c'], [])
    """

    def __init__(self) -> None:
        self.count = 0
        self._last: deque[T] = deque(maxlen=REMEMBERED_CHANGES)

    def note(self, change: T) -> None:
        """Something changed."""
        self._last.append(change)
        self.count += 1

    def since(self, count: int) -> list[T] | None:
        """What changed after the first `count` changes; None when that is too long ago to tell."""
        more = self.count - count
        return None if more > len(self._last) else list(self._last)[len(self._last) - more :]
