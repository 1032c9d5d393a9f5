"""What goes wrong on the way from the simulated world to Kafka: retries, broken records, a foreign partitioner."""

import heapq
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Final

import numpy as np

from offline.datasets.rows import encode
from offline.simulator.activity import SimulatedEvent
from offline.simulator.clocks import Clocks
from offline.simulator.malformed import malform
from offline.simulator.preferences import Item
from offline.simulator.records import GroundTruth, Kind, SimulatedRecord
from streams.contract.events import Reason
from streams.contract.partitioning import partition_of

#: A duplicate follows its original after at most this many events: far fewer than the fold remembers of a user.
_DUPLICATE_DELAY: Final = 200


@dataclass(frozen=True)
class FaultInjection:
    """How often something goes wrong: records per valid event, 0 to 1. `partitions` is that of the topic."""

    malformed_share: float
    duplicate_share: float
    wrong_partition_share: float
    partitions: int
    clocks: Clocks = field(default_factory=Clocks)

    def __post_init__(self) -> None:
        for name in ("malformed_share", "duplicate_share", "wrong_partition_share"):
            if not 0 <= getattr(self, name) <= 1:
                raise ValueError(f"{name} must be 0 to 1, not {getattr(self, name)}")
        if self.wrong_partition_share and self.partitions < 2:
            raise ValueError("records in a wrong partition need at least 2 partitions")

    def records(self, activity: Iterable[SimulatedEvent | Item], seed: int) -> Iterator[SimulatedRecord]:
        """The records to publish for what happens in `activity`.

        Its chances come from a stream of their own, so that other shares leave the valid events as they are.
        """
        random, clock_random = (np.random.default_rng([seed, stream]) for stream in (2, 6))
        delayed: list[tuple[int, int, SimulatedRecord]] = []
        now_ms = 0
        for number, happening in enumerate(activity):
            if isinstance(happening, Item):
                yield _item_record(happening, now_ms)
                continue
            now_ms = happening.row.timestamp
            record = _event_record(*self.clocks.misread(happening, clock_random), now_ms)
            refused = list(self.clocks.refused(happening, clock_random))
            malformed, wrong_partition, duplicate = random.random(3)
            if malformed < self.malformed_share:
                yield _malformed_record(happening, random)
            if wrong_partition < self.wrong_partition_share:
                yield self._misplaced(record, random)
                continue
            yield record
            yield from refused
            if duplicate < self.duplicate_share:
                heapq.heappush(delayed, (number + int(random.integers(_DUPLICATE_DELAY)), number, record))
            while delayed and delayed[0][0] <= number:
                yield heapq.heappop(delayed)[2]._replace(kind="duplicate", due_ms=now_ms)

    def _misplaced(self, record: SimulatedRecord, random: np.random.Generator) -> SimulatedRecord:
        right = partition_of(record.key, self.partitions)
        wrong = (right + int(random.integers(1, self.partitions))) % self.partitions
        return record._replace(partition=wrong, kind="wrong_partition", expected_reason=Reason.WRONG_PARTITION)


def _event_record(simulated: SimulatedEvent, kind: Kind, due_ms: int) -> SimulatedRecord:
    row = simulated.row
    ground_truth = GroundTruth(row.event_id, row.user_id, row.item_id or "", simulated.affinity, simulated.is_bot)
    return SimulatedRecord(row.user_id.encode(), encode(row), None, kind, None, ground_truth, due_ms)


def _item_record(item: Item, now_ms: int) -> SimulatedRecord:
    return SimulatedRecord(item.row.item_id.encode(), encode(item.row), None, "item", None, None, now_ms)


def _malformed_record(simulated: SimulatedEvent, random: np.random.Generator) -> SimulatedRecord:
    """A click of the same user, spoilt; never with the id of a valid event."""
    row = simulated.row
    click = {
        "event_id": f"{row.event_id}-spoilt",
        "event_type": "click",
        "user_id": row.user_id,
        "item_id": row.item_id or "i1",
        "timestamp": row.timestamp,
    }
    reason, value = malform(click, random)
    return SimulatedRecord(row.user_id.encode(), value, None, "malformed", reason, None, row.timestamp)
