"""An append-only log cut into segments of 64 entries, so that a long memory costs one small row a write.

Only the open (last) segment is ever rewritten; old segments are dropped whole, which is one tombstone each.
"""

from collections.abc import Iterator
from typing import Generic, TypeVar

SEGMENT_ENTRIES = 64

Entry = TypeVar("Entry")


class Segment(Generic[Entry]):
    """Entries in order of arrival; `newest` is the highest time among them, in the unit of the log."""

    __slots__ = ("entries", "newest")

    def __init__(self, entries: list[Entry], newest: int) -> None:
        self.entries = entries
        self.newest = newest


class SegmentedLog(Generic[Entry]):
    """Segments numbered `first` .. `end` - 1; numbers only grow. Restore it with `restore` in ascending order."""

    __slots__ = ("_entries", "changed", "dropped", "first", "segments")

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.segments: list[Segment[Entry]] = []
        self.changed: set[int] = set()
        self.dropped: set[int] = set()
        self._entries = 0

    @property
    def end(self) -> int:
        """One past the number of the open segment."""
        return self.first + len(self.segments)

    def __len__(self) -> int:
        return self._entries

    def __iter__(self) -> Iterator[Entry]:
        for segment in self.segments:
            yield from segment.entries

    def restore(self, segment: Segment[Entry]) -> None:
        """Append a segment read back from its row."""
        self.segments.append(segment)
        self._entries += len(segment.entries)

    def append(self, entry: Entry, at: int) -> None:
        """Append `entry` of time `at`; opens a new segment when the last one is full."""
        if self.segments and len(self.segments[-1].entries) < SEGMENT_ENTRIES:
            segment = self.segments[-1]
            segment.entries.append(entry)
            segment.newest = max(segment.newest, at)
        else:
            self.segments.append(Segment([entry], at))
        self._entries += 1
        self.changed.add(self.end - 1)

    def drop_oldest(self) -> Segment[Entry]:
        """Forget the oldest segment and return it. The caller keeps at least the open one."""
        segment = self.segments.pop(0)
        self.changed.discard(self.first)
        self.dropped.add(self.first)
        self.first += 1
        self._entries -= len(segment.entries)
        return segment

    def take_changes(self) -> tuple[list[int], list[int]]:
        """(numbers rewritten, numbers dropped) since the last call, ascending."""
        changes = sorted(self.changed), sorted(self.dropped)
        self.changed.clear()
        self.dropped.clear()
        return changes
