"""How far a partition is in event time, as the note that Kafka keeps with the group's committed offset."""

from typing import NamedTuple


class PartitionTime(NamedTuple):
    """Highest min(event time, append time) that was folded, ms since the epoch (0 = nothing was), and that of the next
    record when it waits for other partitions (0 = it does not)."""

    folded_ms: int = 0
    next_ms: int = 0

    @property
    def ms(self) -> int:
        """No record that is left is older, unless it is late; 0 = not known."""
        return max(self)


def note_of(time: PartitionTime) -> str:
    """The note; "" when nothing is known.

    >>> note_of(PartitionTime(1767225600000, 0)), note_of(PartitionTime(5, 7)), note_of(PartitionTime())
    ('1767225600000', '5 7', '')
    """
    if not any(time):
        return ""
    return f"{time.folded_ms} {time.next_ms}" if time.next_ms else str(time.folded_ms)


def time_in(note: str) -> PartitionTime:
    """The time in a note; nothing known when it is none of ours.

    >>> time_in("5 7"), time_in("by hand").ms
    (PartitionTime(folded_ms=5, next_ms=7), 0)
    """
    words = note.split()
    return PartitionTime(*map(int, words)) if len(words) <= 2 and all(map(str.isdecimal, words)) else PartitionTime()
