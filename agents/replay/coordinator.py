"""One worker's part in bringing its version to the head of the log: what waits for what, until nothing does.

What happened is kept in one immutable state, and what follows from it is said by `agents.replay.phases`. Only the
commands change it; a query never does.
"""

import logging
from collections.abc import Callable, Collection, Mapping, Sequence
from math import inf

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.replay.phases import (
    Folded,
    Observation,
    Passes,
    Phase,
    ReplayConditions,
    ReplayState,
    Times,
    Waits,
    advance,
    owns_behind,
    slowest_ms,
)
from agents.replay.watermark_alignment import count_until, time_of
from streams.kafka.partition_times import PartitionTime, note_of, time_in

logger = logging.getLogger(__name__)


class ReplayCoordinator:
    """Lives on the worker's event loop, but for `not_to_read`. `serves` says whether anybody is served by the version,
    `notes` what the worker's partitions of `topic` noted with their last commits, `paused` what an operator stopped;
    `came` is told when one of the partitions has caught up."""

    def __init__(
        self,
        topic: str,
        partitions: int,
        max_skew_ms: int,
        serves: Callable[[], bool],
        notes: Callable[[], Mapping[int, str]],
        paused: Callable[[], frozenset[TopicPartition]] = frozenset,
        came: Callable[[], None] = lambda: None,
    ) -> None:
        self._topic = topic
        self._max_skew_ms = max_skew_ms
        self._serves = serves
        self._notes = notes
        self._paused = paused
        self._came = came
        self._state = ReplayState.start(partitions)  # replaced as a whole, so that any thread may read it

    # -- commands -------------------------------------------------------------------------------------------------

    def observe(self, seen: Observation) -> None:
        """Takes what happened."""
        before = self._state
        self._state = advance(before, self._now(), seen)
        if before.phase is not self._state.phase:
            logger.info("%s: %s, was %s", self._topic, self._state.phase.value, before.phase.value)
        if before.behind - self._state.behind:
            self._came()

    # -- queries --------------------------------------------------------------------------------------------------

    @property
    def phase(self) -> Phase:
        """As of now."""
        return advance(self._state, self._now()).phase

    @property
    def own_behind(self) -> bool:
        """Whether the worker is behind in a partition of its own; in any, when it owns none."""
        now = self._now()
        return owns_behind(self._state, now) if now.owned else self.phase is Phase.CATCHING_UP

    @property
    def slowest_ms(self) -> float:
        """The event time of the slowest partition with records left, of whichever worker; infinite when there is
        none."""
        return slowest_ms(self._state, self._now(), self._own_times())

    @property
    def waiting(self) -> Collection[int]:
        """The partitions of this worker that wait for others."""
        return self._state.waiting.keys()

    @property
    def somebody_waits(self) -> bool:
        """Whether a partition waits for others, of this worker or, as of the last look, of another one."""
        if self._state.waiting:
            return True
        return self.phase is Phase.CATCHING_UP and any(time.next_ms for time in self._state.times.values())

    def lists_wait(self, partition: int) -> bool:
        """Whether lists of a partition's users are left for later: what items know is not all that they will."""
        return not self._serves() and (partition in self._state.behind or self.phase is not Phase.LIVE)

    def limit_ms(self, partition: int) -> float:
        """The time up to which a partition may be folded now."""
        now = self._now()
        if advance(self._state, now).phase is not Phase.CATCHING_UP:
            return inf
        return slowest_ms(self._state, now, self._own_times(), frozenset({partition})) + self._max_skew_ms

    def time_of(self, partition: int, folded_ms: int) -> PartitionTime:
        """The time of a partition of this worker that has folded so much, which its next commit is to tell."""
        return PartitionTime(folded_ms, self._state.waiting.get(partition, 0))

    def is_paused(self, partition: TopicPartition) -> bool:
        """Whether an operator stopped a partition, of whichever topic."""
        return partition in self._paused()

    def not_to_read(self) -> frozenset[TopicPartition]:
        """Partitions of which nothing more is to be read now; safe in any thread."""
        return self._paused() | {TopicPartition(self._topic, partition) for partition in self._state.waiting}

    def of(self, partition: int, folded_ms: Callable[[], int]) -> "PartitionReplay":
        """What one owned partition is told; `folded_ms` is the highest event time that it folded."""
        return PartitionReplay(self, partition, folded_ms)

    def _now(self) -> ReplayConditions:
        if self._serves():  # then nothing else is asked
            return ReplayConditions(serves=True)
        paused = frozenset(tp.partition for tp in self._paused() if tp.topic == self._topic)
        return ReplayConditions(owned=frozenset(self._notes()), paused=paused)

    def _own_times(self) -> Times:
        return {partition: time_in(note) for partition, note in self._notes().items()}


def always_live() -> "PartitionReplay":
    """What a partition is told of a version that serves."""
    return ReplayCoordinator("", 0, 0, lambda: True, dict).of(0, lambda: 0)


class PartitionReplay:
    """One owned partition of interactions: how much may be folded of what came, and whether its lists wait."""

    def __init__(self, coordinator: ReplayCoordinator, partition: int, folded_ms: Callable[[], int]) -> None:
        self._coordinator = coordinator
        self._partition = partition
        self._folded_ms = folded_ms

    def allowed(self, records: Sequence[ConsumerRecord]) -> int:
        """How many of the next records may be folded now; 0 = none, ask again."""
        limit_ms = self._coordinator.limit_ms(self._partition)
        return len(records) if limit_ms == inf else count_until(records, limit_ms)

    def wait(self, record: ConsumerRecord) -> None:
        """The partition waits with its next record."""
        self._coordinator.observe(Waits(self._partition, time_of(record)))

    def go(self) -> None:
        """The partition waits for nobody: everything that came is folded, or it is given away."""
        if self._partition in self._coordinator.waiting:
            self._coordinator.observe(Passes(self._partition))

    def note(self) -> str:
        """The partition's time, for the workers that own the others."""
        return note_of(self._coordinator.time_of(self._partition, self._folded_ms()))

    def folded(self, waited_ms: int) -> None:
        """Events were folded, the newest of which had waited for so long."""
        self._coordinator.observe(Folded(self._partition, waited_ms))

    @property
    def others_wait(self) -> bool:
        """Whether what this partition commits may be what others wait for."""
        return self._coordinator.somebody_waits

    @property
    def lists_wait(self) -> bool:
        """Whether lists are left for later."""
        return self._coordinator.lists_wait(self._partition)
