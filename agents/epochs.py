"""Epochs: how far in event time each publication of the item model knows, and when a follower may know it.

Every record of `item.deltas` says in a header how far its partition of interactions was. An item partition publishes
the highest it heard of as its epoch, ahead of the rows. So an epoch is never older than an event that the rows have
learned from. While a version is far behind the head, what knows of later events than its slowest partition waits in the
follower: a list that is judged is made from the newest epochs that are not later than the event. Tables wait for none.

A replay publishes and refits at points that are counted in what items have learned, whatever the clock says.
"""

from collections import deque
from collections.abc import Callable, Iterable

from aiokafka.structs import ConsumerRecord

from tables import item_rows
from tables.item_rows import EpochRow

_HEADER = "reached-ms"
#: Entries that an item partition has learned at the first point: some thousand events.
FIRST_POINT = 10_000

Apply = Callable[[ConsumerRecord], None]


def header_of(reached_ms: int) -> tuple[str, bytes]:
    """The header of a record of `item.deltas` by a partition that has come to this time."""
    return _HEADER, b"%d" % reached_ms


def reached_in(headers: Iterable[tuple[str, bytes]]) -> int:
    """The time in the headers; 0 when they say none.

    >>> reached_in([header_of(1767225600000)]), reached_in([])
    (1767225600000, 0)
    """
    return next((int(value) for name, value in headers if name == _HEADER), 0)


class Points:
    """Points at which a version that is `far` behind publishes and refits: each when an item partition has learned
    `growth` times the entries of the point before. How many it learned depends on the log alone."""

    def __init__(self, growth: float, far: Callable[[], bool]) -> None:
        self._growth = growth
        self._far = far

    @property
    def in_force(self) -> bool:
        """Whether points decide, and not the clock."""
        return self._far()

    def passed(self, learned: int) -> int:
        """How many points are passed with so many entries learned.

        >>> [Points(4, lambda: True).passed(learned) for learned in (9_999, 10_000, 39_999, 40_000)]
        [0, 1, 1, 2]
        """
        count, point = 0, float(FIRST_POINT)
        while learned >= point:
            count, point = count + 1, point * self._growth
        return count


class Epochs:
    """What a follower has applied of the item model, by item partition. Records that know too much wait here.

    `frontier_ms` is the event time that no epoch may be later than, -inf = none may come now.
    """

    def __init__(self, apply: Apply, partitions: int, frontier_ms: Callable[[], float]) -> None:
        self._apply = apply
        self._partitions = partitions
        self._frontier_ms = frontier_ms
        self._waiting: dict[int, deque[ConsumerRecord]] = {}
        self._rows: dict[int, EpochRow] = {}
        #: The newest event time that the model may know of; 0 = not known.
        self.knew_ms = 0

    def passed(self, points: Points) -> int:
        """How many points all item partitions have passed."""
        if len(self._rows) < self._partitions:
            return 0
        return min((points.passed(row.learned) for row in self._rows.values()), default=0)

    def fitted(self, partition: int) -> int:
        """How many points the vectors know that an item partition published last."""
        row = self._rows.get(partition)
        return 0 if row is None else row.fitted

    def take(self, record: ConsumerRecord) -> None:
        """The next record of `item.model` in its partition: applied now, or later, in order."""
        waiting = self._waiting.get(record.partition)
        if waiting is not None:
            waiting.append(record)
        elif self._may(record):
            self._pass(record)
        else:
            self._waiting[record.partition] = deque([record])

    def release(self) -> None:
        """Applies what need not wait any longer."""
        for partition, waiting in list(self._waiting.items()):
            while waiting and self._may(waiting[0]):
                self._pass(waiting.popleft())
            if not waiting:
                del self._waiting[partition]

    def _may(self, record: ConsumerRecord) -> bool:
        return record.key != item_rows.EPOCH or _row(record).reached_ms <= self._frontier_ms()

    def _pass(self, record: ConsumerRecord) -> None:
        if record.key == item_rows.EPOCH:
            row = self._rows[record.partition] = _row(record)
            self.knew_ms = max(self.knew_ms, row.reached_ms)
        else:
            self._apply(record)


def _row(record: ConsumerRecord) -> EpochRow:
    return item_rows.EPOCH_CODEC.decode(record.value)
