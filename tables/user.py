"""One user in memory: the core row and its parts, decoded for folding and ranking; encoded again row by row."""

from collections.abc import Callable, Iterator, Mapping
from typing import TypeVar

from tables import dedupe, recent_searches, seen, user_keys, user_row
from tables.continue_watching import ContinueWatching
from tables.dedupe import Dedupe
from tables.history import History
from tables.seen import Seen
from tables.segmented_log import Segment, SegmentedLog
from tables.user_row import LogRow, UserRow

Change = tuple[bytes, bytes | None]
Entry = TypeVar("Entry")


class User:
    """`row` holds the counters and last seen attributes; its `history`, `watching`, `dedupe` and `seen` are written by
    `take_changes` only, so read the decoded ones here instead."""

    __slots__ = ("dedupe", "history", "row", "seen", "user_id", "watching")

    def __init__(self, user_id: str, row: UserRow, history: History, dedupe: Dedupe, seen: Seen) -> None:
        self.user_id = user_id
        self.row = row
        self.history = history
        self.watching = ContinueWatching(row.watching)
        self.dedupe = dedupe
        self.seen = seen

    @classmethod
    def new(cls, user_id: str, history_limit: int) -> "User":
        """A user without events."""
        return cls(user_id, UserRow(), History(history_limit), Dedupe(), Seen())

    @classmethod
    def load(cls, store: Mapping[bytes, bytes], user_id: str, history_limit: int) -> "User | None":
        """The user in `store`, or None. Raises RowVersionError when a row is newer than this code, KeyError when a
        segment that the core row names is missing."""
        value = store.get(user_keys.user_key(user_id))
        if value is None:
            return None
        row = user_row.CODEC.decode(value)
        return cls(
            user_id,
            row,
            History.from_row(row.history, history_limit),
            Dedupe(_load(store, user_id, user_keys.DEDUPE, row.dedupe, dedupe.decode_segment)),
            Seen(_load(store, user_id, user_keys.SEEN, row.seen, seen.decode_segment)),
        )

    def forget_before(self, horizon_ms: int) -> None:
        """Drop what is remembered of times before `horizon_ms` (watermark minus retention)."""
        self.history.forget_before(horizon_ms)
        self.watching.forget_before(horizon_ms)
        behaviour = self.row.behaviour
        behaviour.searches = recent_searches.forget_before(behaviour.searches, horizon_ms)

    def row_keys(self) -> Iterator[bytes]:
        """The keys of every row of this user, those to be dropped by the next `take_changes` included."""
        yield user_keys.user_key(self.user_id)
        for number in self.dedupe.log.row_numbers():
            yield user_keys.segment_key(user_keys.DEDUPE, number, self.user_id)
        for number in self.seen.log.row_numbers():
            yield user_keys.segment_key(user_keys.SEEN, number, self.user_id)

    def take_changes(self) -> list[Change]:
        """Rows to write since the last call: full and dropped segments, then the core row, always."""
        row = self.row
        changes: list[Change] = []
        row.history = self.history.to_row()
        row.watching = self.watching.to_rows()
        row.dedupe = _save(changes, self.user_id, user_keys.DEDUPE, self.dedupe.log, dedupe.encode_segment)
        row.seen = _save(changes, self.user_id, user_keys.SEEN, self.seen.log, seen.encode_segment)
        changes.append((user_keys.user_key(self.user_id), user_row.CODEC.encode(row)))
        return changes


def _load(
    store: Mapping[bytes, bytes], user_id: str, kind: bytes, row: LogRow, decode: Callable[[bytes], Segment[Entry]]
) -> SegmentedLog[Entry]:
    log: SegmentedLog[Entry] = SegmentedLog(row.first)
    for number in range(row.first, row.end):
        log.restore(decode(store[user_keys.segment_key(kind, number, user_id)]))
    if row.tail:
        log.restore(decode(row.tail))
    return log


def _save(
    changes: list[Change],
    user_id: str,
    kind: bytes,
    log: SegmentedLog[Entry],
    encode: Callable[[Segment[Entry]], bytes],
) -> LogRow:
    changes += [(user_keys.segment_key(kind, number, user_id), None) for number in log.take_dropped()]
    changes += [(user_keys.segment_key(kind, number, user_id), encode(full)) for number, full in log.take_closed()]
    tail = log.tail
    return LogRow(log.first, log.full_end, b"" if tail is None else encode(tail))
