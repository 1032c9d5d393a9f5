"""One user in memory: the core row and its parts, decoded for folding and ranking; encoded again row by row."""

from collections.abc import Iterator, Mapping

from tables import dedupe, seen, user_keys, user_row
from tables.continue_watching import ContinueWatching
from tables.dedupe import Dedupe
from tables.history import History
from tables.seen import Seen
from tables.segmented_log import SegmentedLog
from tables.user_row import UserRow

Change = tuple[bytes, bytes | None]


class User:
    """`row` holds the counters and last seen attributes; its `history`, `watching` and ranges are written by
    `take_changes` only, so read the decoded `history`, `watching`, `seen` and `dedupe` instead."""

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
            Dedupe(_load_dedupe(store, user_id, row.dedupe_segments)),
            Seen(_load_seen(store, user_id, row.seen_segments)),
        )

    def row_keys(self) -> Iterator[bytes]:
        """The keys of every row of this user, those to be dropped by the next `take_changes` included."""
        yield user_keys.user_key(self.user_id)
        for kind, log in ((user_keys.DEDUPE, self.dedupe.log), (user_keys.SEEN, self.seen.log)):
            for number in (*range(log.first, log.end), *log.dropped):
                yield user_keys.segment_key(kind, number, self.user_id)

    def take_changes(self) -> list[Change]:
        """Rows to write since the last call: the core row always, then the touched and dropped segments."""
        row = self.row
        row.history = self.history.to_row()
        row.watching = self.watching.to_rows()
        row.dedupe_segments = (self.dedupe.log.first, self.dedupe.log.end)
        row.seen_segments = (self.seen.log.first, self.seen.log.end)
        changes: list[Change] = [(user_keys.user_key(self.user_id), user_row.CODEC.encode(row))]
        changes += self._segment_changes(user_keys.DEDUPE)
        changes += self._segment_changes(user_keys.SEEN)
        return changes

    def _segment_changes(self, kind: bytes) -> list[Change]:
        log: SegmentedLog[int] | SegmentedLog[tuple[str, int]]
        log = self.dedupe.log if kind == user_keys.DEDUPE else self.seen.log
        rewritten, dropped = log.take_changes()
        changes: list[Change] = [(user_keys.segment_key(kind, number, self.user_id), None) for number in dropped]
        for number in rewritten:
            value = self._encode_segment(kind, number)
            changes.append((user_keys.segment_key(kind, number, self.user_id), value))
        return changes

    def _encode_segment(self, kind: bytes, number: int) -> bytes:
        if kind == user_keys.DEDUPE:
            return dedupe.encode_segment(self.dedupe.log.segments[number - self.dedupe.log.first])
        return seen.encode_segment(self.seen.log.segments[number - self.seen.log.first])


def _load_dedupe(store: Mapping[bytes, bytes], user_id: str, span: tuple[int, int]) -> SegmentedLog[int]:
    log: SegmentedLog[int] = SegmentedLog(span[0])
    for number in range(*span):
        log.restore(dedupe.decode_segment(store[user_keys.segment_key(user_keys.DEDUPE, number, user_id)]))
    return log


def _load_seen(store: Mapping[bytes, bytes], user_id: str, span: tuple[int, int]) -> SegmentedLog[tuple[str, int]]:
    log: SegmentedLog[tuple[str, int]] = SegmentedLog(span[0])
    for number in range(*span):
        log.restore(seen.decode_segment(store[user_keys.segment_key(user_keys.SEEN, number, user_id)]))
    return log
