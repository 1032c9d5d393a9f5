"""Watermarks of the item model: how far in event time each publication of the item model knows, and when a follower may
know it.

Every record of `item.deltas` says in a header how far its partition of interactions was. An item partition publishes
the highest it heard of as its watermark, ahead of the rows. So a watermark is never older than an event that the rows
have learned from. While a version is far behind the head, what knows of later events than its slowest partition waits
in the follower: a list that is evaluated is made from the newest publications whose watermark is not later than the
event. Tables wait for none.

A replay publishes and refits at checkpoints that are counted in what items have learned, whatever the clock says.
"""

from collections import deque
from collections.abc import Callable, Iterable

from aiokafka.structs import ConsumerRecord

from streams.contract.header_numbers import whole_number
from streams.contract.reasons import InvalidEvent, Reason
from tables import item_rows
from tables.item_rows import ModelWatermarkRow

_HEADER = "reached-ms"
#: Entries that an item partition has learned at the first checkpoint: some thousand events.
FIRST_REFIT_CHECKPOINT = 10_000

Apply = Callable[[ConsumerRecord], None]


def header_of(reached_ms: int) -> tuple[str, bytes]:
    """The header of a record of `item.deltas` by a partition that has come to this time."""
    return _HEADER, b"%d" % reached_ms


def reached_in(headers: Iterable[tuple[str, bytes]]) -> int:
    """The time in the headers; 0 when they say none. Raises `InvalidEvent` for what is no time.

    >>> reached_in([header_of(1767225600000)]), reached_in([])
    (1767225600000, 0)
    """
    text = next((value for name, value in headers if name == _HEADER), b"0")
    reached_ms = whole_number(text)
    if reached_ms is None:
        raise InvalidEvent(Reason.BAD_HEADER, f"{_HEADER} is no time in milliseconds")
    return reached_ms


class RefitCheckpoints:
    """Checkpoints at which a version that is `far` behind publishes and refits: each when an item partition has learned
    `growth` times the entries of the checkpoint before. How many it learned depends on the log alone."""

    def __init__(self, growth: float, far: Callable[[], bool]) -> None:
        self._growth = growth
        self._far = far

    @property
    def in_force(self) -> bool:
        """Whether checkpoints decide, and not the clock."""
        return self._far()

    def passed(self, learned: int) -> int:
        """How many checkpoints are passed with so many entries learned.

        >>> [RefitCheckpoints(4, lambda: True).passed(learned) for learned in (9_999, 10_000, 39_999, 40_000)]
        [0, 1, 1, 2]
        """
        count, checkpoint = 0, float(FIRST_REFIT_CHECKPOINT)
        while learned >= checkpoint:
            count, checkpoint = count + 1, checkpoint * self._growth
        return count


class ModelWatermark:
    """What a follower has applied of the item model, by item partition. Records that know too much wait here.

    `max_model_watermark_ms` is the event time that no watermark may be later than, -inf = none may come now.
    """

    def __init__(self, apply: Apply, partitions: int, max_model_watermark_ms: Callable[[], float]) -> None:
        self._apply = apply
        self._partitions = partitions
        self._max_model_watermark_ms = max_model_watermark_ms
        self._waiting: dict[int, deque[ConsumerRecord]] = {}
        self._rows: dict[int, ModelWatermarkRow] = {}
        #: The newest event time that the model may know of; 0 = not known.
        self.feature_cutoff_ms = 0

    def passed(self, refit_checkpoints: RefitCheckpoints) -> int:
        """How many checkpoints all item partitions have passed."""
        if len(self._rows) < self._partitions:
            return 0
        return min((refit_checkpoints.passed(row.learned) for row in self._rows.values()), default=0)

    def fitted(self, partition: int) -> int:
        """How many checkpoints the vectors know that an item partition published last."""
        row = self._rows.get(partition)
        return 0 if row is None else row.fitted

    def take(self, record: ConsumerRecord) -> None:
        """The next record of `item.model` in its partition: applied now, or later, in order. Raises for a watermark
        that cannot be read, and for nothing later."""
        if record.key == item_rows.MODEL_WATERMARK:
            _row(record)
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
        return record.key != item_rows.MODEL_WATERMARK or _row(record).reached_ms <= self._max_model_watermark_ms()

    def _pass(self, record: ConsumerRecord) -> None:
        if record.key == item_rows.MODEL_WATERMARK:
            row = self._rows[record.partition] = _row(record)
            self.feature_cutoff_ms = max(self.feature_cutoff_ms, row.reached_ms)
        else:
            self._apply(record)


def _row(record: ConsumerRecord) -> ModelWatermarkRow:
    return item_rows.MODEL_WATERMARK_CODEC.decode(record.value)
