"""Whose lists are to be written again, and in what order. Nobody leaves before their list is written."""

from collections import OrderedDict, deque
from collections.abc import Collection, Iterable
from itertools import chain, islice

from agents.instruments import ListCause


class PendingRefresh:
    """Users of one partition: first those who found no list, then those whose lists are due, the longest waiting first.
    Lists that Redis refused, and those of a former owner whose age nobody knows, become due a few at a time."""

    def __init__(self) -> None:
        self._missed: dict[str, None] = {}
        self._due: dict[str, ListCause] = {}
        self._refused: OrderedDict[str, None] = OrderedDict()
        self._undated: deque[str] = deque()

    @property
    def due(self) -> int:
        """How many lists are due."""
        return len(self._due)

    def add(self, users: Iterable[str], cause: ListCause = ListCause.EVENT) -> None:
        """Lists of these users are due. An event stays the cause until the list is written, whatever else comes: how
        long it waited is measured then. Of other causes it is the last."""
        self._due.update((user, cause) for user in users if self._due.get(user) is not ListCause.EVENT)

    def add_first(self, users: Iterable[str], cause: ListCause) -> None:
        """Lists of these users are due before all others that are."""
        self._due = dict.fromkeys(users, cause) | self._due

    def add_missed(self, users: Iterable[str]) -> None:
        """These users found no list."""
        self._missed.update(dict.fromkeys(users))

    def add_refused(self, users: Iterable[str]) -> None:
        """Redis refused lists of these users: what it holds may be out of date all the same."""
        self._refused.update(dict.fromkeys(users))

    def add_undated(self, user_id: str) -> None:
        """The user's list was written by a former owner, who knows when."""
        self._undated.append(user_id)

    def take_up(self, count: int) -> None:
        """So many of the refused, and as many of the undated, are due now."""
        for _ in range(min(count, len(self._refused))):
            self.add([self._refused.popitem(last=False)[0]], ListCause.REFUSED)
        for _ in range(min(count, len(self._undated))):
            self.add([self._undated.popleft()], ListCause.RESTORED)

    def missed(self, count: int) -> list[str]:
        """Of those who found no list the first, at most so many."""
        return list(islice(self._missed, count))

    def first(self, count: int) -> list[str]:
        """Whose lists are to be written next, at most so many."""
        return list(dict.fromkeys(islice(chain(self._missed, self._due), count)))

    def cause(self, user_id: str) -> ListCause:
        """Why the list of one of those is written that `first` or `missed` named."""
        return self._due.get(user_id, ListCause.MISSED)

    def done(self, users: Iterable[str]) -> None:
        """Lists of these users were written, or refused."""
        for user_id in users:
            self._missed.pop(user_id, None)
            self._due.pop(user_id, None)
            self._refused.pop(user_id, None)

    def drop(self, users: Collection[str]) -> None:
        """These users get no list."""
        self.done(users)
        self._undated = deque(user_id for user_id in self._undated if user_id not in users)

    def clear(self) -> None:
        """Only a full scan can tell whose lists are due."""
        self._missed.clear()
        self._due.clear()
        self._refused.clear()
