"""Whether a log still begins early enough for who goes on in it: retention removes records, read or not."""

from collections.abc import Mapping
from typing import TypeVar

#: A log that was read to its end may end in the marker of a transaction, which is no record and is never committed.
MARKERS = 1

Partition = TypeVar("Partition")


def unread_removed(position: int, begin: int) -> int:
    """How many offsets the log lost behind `position`, where somebody wants to go on, when it begins at `begin`.

    0 for who has read nothing yet (position 0): they begin with whatever there is.

    >>> unread_removed(98, 120), unread_removed(98, 98), unread_removed(98, 99), unread_removed(0, 120)
    (22, 0, 0, 0)
    """
    lost = begin - position
    return lost if position and lost > MARKERS else 0


def gaps(positions: Mapping[Partition, int], begins: Mapping[Partition, int]) -> dict[Partition, int]:
    """The partitions that lost records which nobody read, and where each begins now."""
    return {each: begins[each] for each, position in positions.items() if unread_removed(position, begins[each])}
