"""An append-only log cut into segments of 64 entries, so that a long memory costs one small write an event.

Full segments never change: each is written once, as a row of its own. The open one, the tail, travels in the row that
owns the log. Old segments are dropped whole, which is one tombstone each.
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

    @property
    def full(self) -> bool:
        """True when nothing more goes in."""
        return len(self.entries) >= SEGMENT_ENTRIES


class SegmentedLog(Generic[Entry]):
    """`segments` are numbered from `first`; numbers only grow. Restore it with `restore` in ascending order."""

    __slots__ = ("_closed", "_dropped", "_entries", "first", "segments")

    def __init__(self, first: int = 0) -> None:
        self.first = first
        self.segments: list[Segment[Entry]] = []
        self._closed: set[int] = set()
        self._dropped: set[int] = set()
        self._entries = 0

    @property
    def tail(self) -> Segment[Entry] | None:
        """The open segment, None when there is none."""
        return None if not self.segments or self.segments[-1].full else self.segments[-1]

    @property
    def full_end(self) -> int:
        """One past the number of the last full segment."""
        return self.first + len(self.segments) - (self.tail is not None)

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
        self._entries += 1
        segments = self.segments
        segment = segments[-1] if segments else None
        if segment is None or len(segment.entries) >= SEGMENT_ENTRIES:
            segments.append(Segment([entry], at))
            return
        entries = segment.entries
        entries.append(entry)
        if at > segment.newest:
            segment.newest = at
        if len(entries) >= SEGMENT_ENTRIES:
            self._closed.add(self.first + len(segments) - 1)

    def drop_oldest(self) -> Segment[Entry]:
        """Forget the oldest segment, which must be full, and return it."""
        segment = self.segments.pop(0)
        self._closed.discard(self.first)
        self._dropped.add(self.first)
        self.first += 1
        self._entries -= len(segment.entries)
        return segment

    def row_numbers(self) -> list[int]:
        """Numbers of all full segments, those included whose rows the next `take_dropped` names."""
        return [*sorted(self._dropped), *range(self.first, self.full_end)]

    def take_closed(self) -> list[tuple[int, Segment[Entry]]]:
        """(number, segment) of those that became full since the last call, ascending."""
        closed = [(number, self.segments[number - self.first]) for number in sorted(self._closed)]
        self._closed.clear()
        return closed

    def take_dropped(self) -> list[int]:
        """Numbers of those dropped since the last call, ascending."""
        dropped = sorted(self._dropped)
        self._dropped.clear()
        return dropped
