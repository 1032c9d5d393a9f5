"""In which order the owners of a partition wrote to Redis: by owner, then by write. No clock is asked.

A wall clock that was an hour ahead and is set back makes everything that is written within that hour look old. So each
owner of a partition has a term, one more than the owner before it, and numbers its writes. Kafka keeps the term, in the
partition's changelog and behind the fence (`agents.delivery.table`): two owners never have the same.
"""

from __future__ import annotations

from typing import NamedTuple


class Order(NamedTuple):
    """The place of one write among all of its partition: the term of the owner, then the number of the write.

    >>> Order(2, 1) > Order(1, 99) > Order(1, 98)
    True
    """

    term: int = 0
    sequence: int = 0


class WrittenPosition(NamedTuple):
    """What a partition notes in Redis: all its lists reflect everything before `position`, and all its writes up to
    `order` are there. A Redis that fell back to an older state shows an older one."""

    position: int
    order: Order = Order()

    def encode(self) -> bytes:
        """The value in Redis.

        >>> WrittenPosition(7, Order(2, 31)).encode()
        b'7:2:31'
        """
        return b"%d:%d:%d" % (self.position, *self.order)

    @classmethod
    def decode(cls, value: bytes) -> WrittenPosition:
        """Reads the value in Redis. Raises ValueError."""
        position, term, sequence = map(int, value.split(b":"))
        return cls(position, Order(term, sequence))


class PartitionOwner:
    """One owner of one partition, and what Redis answered it. Term 0 is before the first owner."""

    def __init__(self, partition: int, term: int = 0) -> None:
        self.partition = partition
        self.term = term
        self.refused = 0  # writes that Redis refused because it had something newer
        self.later_term = 0  # the highest term met there
        self._sequence = 0

    @property
    def order(self) -> Order:
        """The order of the last write."""
        return Order(self.term, self._sequence)

    def next(self) -> Order:
        """The order of the next write."""
        self._sequence += 1
        return self.order

    def is_refused(self, stored_term: int) -> None:
        """Redis holds something newer, which was written in `stored_term`."""
        self.refused += 1
        self.later_term = max(self.later_term, stored_term)

    @property
    def is_contested(self) -> bool:
        """Whether an owner of a later term wrote: Kafka has to say who owns the partition now."""
        return self.later_term > self.term
