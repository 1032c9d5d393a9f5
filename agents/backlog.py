"""How a worker goes while its version is far behind the head: partitions together, epochs in their order, no lists."""

from collections.abc import Callable, Iterable
from math import inf

from aiokafka.structs import TopicPartition

from agents.alignment import Alignment, Elsewhere, Turn
from agents.catch_up import CatchUp
from agents.delivery.ownership import Ownership
from agents.epochs import Epochs, Points
from agents.vector_fits import VectorFits
from agents.worker_config import WorkerConfig
from ranking.judgements import UNKNOWN_MS
from streams.partition_times import PartitionTime, time_in
from streams.units import SECOND_MS


class Backlog:
    """One worker's view. `serves` says whether anybody is served by the version, `paused` what an operator stopped.

    `follow` tells it of what is made later.
    """

    def __init__(
        self,
        config: WorkerConfig,
        ownership: Ownership,
        serves: Callable[[], bool],
        paused: Callable[[], frozenset[TopicPartition]],
    ) -> None:
        self._topic = config.topics.interactions
        self._ownership = ownership
        self._serves = serves
        self._paused = paused
        self._partitions = set(range(config.partitions))
        self._together = False  # all are at their ends
        self._settled = False  # and items know what was folded until then
        self._catch_ups: dict[int, CatchUp] = {}
        self._epochs: Epochs | None = None
        self._fits: VectorFits | None = None
        self.points = Points(config.replay_refit_growth, lambda: self.far)
        self.alignment = Alignment(
            config.partitions, config.replay_max_skew_s * SECOND_MS, self._own_times, self._paused_partitions
        )

    def follow(self, epochs: Epochs, fits: VectorFits) -> None:
        """What the item model knows, and what is fitted from it."""
        self._epochs, self._fits = epochs, fits

    @property
    def far(self) -> bool:
        """Whether one of the worker's partitions is far behind; whether any may be, when it owns none. One that an
        operator paused is not asked."""
        owned = {tp.partition for tp in self._ownership.tasks if tp.topic == self._topic}
        if not owned:
            return not self._serves() and self.alignment.slowest_ms < inf
        return any(self._catch_ups[partition].far for partition in owned - self._paused_partitions())

    @property
    def apart(self) -> bool:
        """Whether any partition, of whichever worker, may be far behind: then those at their end wait for it, too."""
        return not self._serves() and (self.far or not self._together)

    @property
    def unsettled(self) -> bool:
        """Whether lists wait: for all partitions to come to their ends, and for items to know what was folded there.
        A list that is made earlier would stay as it is, until its user comes back."""
        return not self._serves() and (self.apart or not self._settled)

    def settle(self) -> None:
        """Items know what was folded when all partitions were at their ends."""
        self._settled = True

    def learn(self, elsewhere: Elsewhere, arrived: Iterable[int]) -> None:
        """Takes what was read of the group's offsets, and which partitions are at the log's end."""
        self._settled = False
        self.alignment.learn(elsewhere)
        self._together = self._paused_partitions().union(arrived) >= self._partitions
        for partition in arrived:
            self.catch_up_of(partition).arrive()

    def catch_up_of(self, partition: int) -> CatchUp:
        """Of one partition of interactions; the same object every time."""
        return self._catch_ups.setdefault(partition, CatchUp(self._serves, self._release, lambda: self.unsettled))

    def turn_of(self, partition: int, folded_ms: Callable[[], int]) -> Turn:
        """What lets the partition's records through; `folded_ms` is the highest event time that it folded."""
        return Turn(self.alignment, partition, lambda: self.apart, folded_ms)

    def unpaused(self, partitions: Iterable[TopicPartition]) -> list[TopicPartition]:
        """Those that no operator paused."""
        paused = self._paused()
        return [partition for partition in partitions if partition not in paused]

    def not_to_read(self) -> frozenset[TopicPartition]:
        """Partitions of which nothing more is to be read now; safe in any thread."""
        return self._paused() | {TopicPartition(self._topic, partition) for partition in self.alignment.held}

    def frontier_ms(self) -> float:
        """The event time that the item model must not know more of: see agents.epochs."""
        if not self.far:
            return inf
        return -inf if self._fits is not None and self._fits.due else self.alignment.slowest_ms

    def knew_ms(self) -> int:
        """The newest event time that the item model may know of, as far as that is asked: live, it is the present."""
        return self._epochs.knew_ms if self._epochs is not None and self.far else UNKNOWN_MS

    def model_ms(self, now_ms: int) -> int:
        """As of when the item model is read: now, or, far behind the head, as of what it knows."""
        knew_ms = self.knew_ms()
        return knew_ms if knew_ms > 0 else now_ms

    def _release(self) -> None:
        if self._epochs is not None:
            self._epochs.release()

    def _own_times(self) -> dict[int, PartitionTime]:
        tasks = self._ownership.tasks.items()
        return {tp.partition: time_in(task.noted) for tp, task in tasks if tp.topic == self._topic}

    def _paused_partitions(self) -> set[int]:
        return {tp.partition for tp in self._paused() if tp.topic == self._topic}
