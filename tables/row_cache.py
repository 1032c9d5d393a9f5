"""Users of one partition in memory, those used last, over a store of raw rows. Its size leaves no trace in the rows."""

from collections.abc import Iterator, MutableMapping

from tables import user_keys, user_row
from tables.user import Change, User
from tables.user_row import UserRow


class RowCache:
    """At most `size` users; changed ones that have to leave are written to the `store`, and told by `changes`."""

    def __init__(self, store: MutableMapping[bytes, bytes], history_limit: int, size: int) -> None:
        self._store = store
        self._history_limit = history_limit
        self._size = size
        self._users: dict[str, User] = {}  # in order of last use: the first is the next to leave
        self._dirty: dict[str, None] = {}
        self._pending: dict[bytes, bytes | None] = {}  # rows written since the last `changes`
        self._count = sum(1 for key in store if key[:1] == user_keys.USER)

    def __len__(self) -> int:
        return self._count

    def __contains__(self, user_id: str) -> bool:
        return user_id in self._users or user_keys.user_key(user_id) in self._store

    def find(self, user_id: str) -> User | None:
        """The user, from the store if need be; later folds change the same object."""
        user = self._users.pop(user_id, None)
        if user is None:
            user = User.load(self._store, user_id, self._history_limit)
            if user is None:
                return None
            self._make_room()
        self._users[user_id] = user
        return user

    def add(self, user_id: str) -> User:
        """A user who was not there."""
        self._make_room()
        user = self._users[user_id] = User.new(user_id, self._history_limit)
        self._count += 1
        return user

    def touch(self, user_id: str) -> None:
        """The user's rows are to be written."""
        self._dirty[user_id] = None

    def drop(self, user: User) -> None:
        """Every row of a user goes."""
        del self._users[user.user_id]
        self._dirty.pop(user.user_id, None)
        self._count -= 1
        self.write([(key, None) for key in user.row_keys()])

    def last_seen(self, user_id: str) -> tuple[int, int] | None:
        """(event time, offset) of the user's last event, without loading the history; None when there is no row."""
        user = self._users.get(user_id)
        value = None if user else self._store.get(user_keys.user_key(user_id))
        row = user.row if user else value and user_row.LAST_SEEN.decode(value)
        return (row.last_event_ms, row.last_offset) if row else None

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

    def write(self, changes: list[Change]) -> None:
        """Takes encoded rows (None = dropped) over into the store."""
        for key, value in changes:
            self._pending[key] = value
            if value is None:
                self._store.pop(key, None)
            else:
                self._store[key] = value

    def write_touched(self) -> None:
        """Takes the rows of all touched users over into the store."""
        for user_id in self._dirty:
            user = self._users.get(user_id)
            if user is not None:
                self.write(user.take_changes())
        self._dirty.clear()

    def take_written(self) -> list[Change]:
        """Every row that was written since the last call, as it is now."""
        changes = list(self._pending.items())
        self._pending.clear()
        return changes

    def _make_room(self) -> None:
        while len(self._users) >= self._size:
            user_id = next(iter(self._users))
            user = self._users.pop(user_id)
            if user_id in self._dirty:
                self.write(user.take_changes())
