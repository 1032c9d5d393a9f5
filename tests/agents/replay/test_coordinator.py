"""What a worker does differently while its version is far behind the head."""

from collections.abc import Iterable, Mapping
from math import inf
from types import MappingProxyType, SimpleNamespace
from typing import Any

import pytest
from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.replay.coordinator import PartitionReplay, ReplayCoordinator
from agents.replay.phases import Folded, ItemsLearned, Looked, Passes, Phase, Waits
from agents.replay.point_in_time import PointInTime
from ranking.outcomes import UNKNOWN_MS
from streams.kafka.caught_up import FALLEN_BEHIND_MS
from streams.kafka.partition_times import PartitionTime
from streams.kafka.topics import Topics

TOPICS = Topics(version="v2")
DAY_S = 86_400
AT_MS = 1_700_000_000_000


class World:
    """A worker that owns nothing yet, of a version that serves nobody."""

    def __init__(self) -> None:
        self.notes: dict[int, str] = {}
        self.serves = False
        self.paused: frozenset[TopicPartition] = frozenset()
        self.released = 0
        self.model_watermark: Any = SimpleNamespace(feature_cutoff_ms=AT_MS)
        self.fits: Any = SimpleNamespace(due=False)
        self.coordinator = ReplayCoordinator(
            TOPICS.interactions,
            2,
            DAY_S * 1_000,
            lambda: self.serves,
            lambda: self.notes,
            lambda: self.paused,
            self._release,
        )
        self.point_in_time = PointInTime(self.coordinator, self.model_watermark, self.fits)

    def _release(self) -> None:
        self.released += 1

    def looked(
        self, *caught_up: int, times: Mapping[int, PartitionTime] = MappingProxyType({}), exhausted: Iterable[int] = ()
    ) -> None:
        """The group's offsets were read: so many partitions are at their ends."""
        self.coordinator.observe(Looked(times, frozenset(exhausted), frozenset(caught_up)))

    def learned(self) -> None:
        self.coordinator.observe(ItemsLearned())

    def folded(self, waited_ms: int, partition: int = 0) -> None:
        self.coordinator.observe(Folded(partition, waited_ms))

    def owns(self, *partitions: int) -> PartitionReplay:
        self.notes |= dict.fromkeys(partitions, "")
        return self.coordinator.of(partitions[0], lambda: AT_MS)


def test_before_it_owns_anything_the_log_may_be_long_and_nothing_is_known_of_it() -> None:
    world = World()
    assert world.coordinator.own_behind
    assert world.point_in_time.max_model_watermark_ms() == 0
    world.looked(0, 1, exhausted=(0, 1))
    assert not world.coordinator.own_behind
    assert world.point_in_time.max_model_watermark_ms() == inf


def test_a_worker_without_partitions_comes_to_the_head_while_events_come_in() -> None:
    world = World()
    world.looked(0, 1)  # caught up, and there is always a record left
    world.learned()
    assert world.coordinator.phase is Phase.LIVE


def test_the_item_model_waits_for_the_slowest_partition_and_for_fits() -> None:
    world = World()
    world.looked(times={0: PartitionTime(AT_MS + 5), 1: PartitionTime(AT_MS)})
    assert world.point_in_time.max_model_watermark_ms() == AT_MS
    world.fits.due = True
    assert world.point_in_time.max_model_watermark_ms() == -inf
    world.serves = True
    assert world.point_in_time.max_model_watermark_ms() == inf


def test_far_behind_items_are_read_as_of_what_they_know() -> None:
    world = World()
    assert (world.point_in_time.feature_cutoff_ms(), world.point_in_time.model_ms(AT_MS + 9)) == (AT_MS, AT_MS)
    world.serves = True
    assert (world.point_in_time.feature_cutoff_ms(), world.point_in_time.model_ms(AT_MS + 9)) == (UNKNOWN_MS, AT_MS + 9)


def test_what_waits_is_released_when_a_partition_arrives() -> None:
    world = World()
    world.owns(0, 1)
    world.looked(0)
    assert world.released == 1
    assert world.coordinator.own_behind, "the other one did not arrive"
    world.looked(0, 1)
    assert world.released == 2
    assert not world.coordinator.own_behind
    world.looked(0, 1)
    assert world.released == 2


def record(at_ms: int) -> ConsumerRecord:
    value = b'{"event_type":"view","user_id":"u","item_id":"i","timestamp":%d}' % at_ms
    return ConsumerRecord(TOPICS.interactions, 0, 0, at_ms, 1, b"u", value, None, 0, 0, ())


def test_a_partition_at_its_end_waits_while_another_one_is_far_behind() -> None:
    world = World()
    gate = world.owns(0)
    new = record(AT_MS + DAY_S * 1_000 + 1)
    world.looked(0, times={1: PartitionTime(AT_MS)})
    assert not world.coordinator.own_behind
    assert world.coordinator.phase is Phase.CATCHING_UP
    assert gate.allowed([new]) == 0
    world.looked(0, 1, times={1: PartitionTime(AT_MS)})
    assert world.coordinator.phase is Phase.SETTLING
    assert gate.allowed([new]) == 1


def test_nothing_waits_for_a_partition_that_an_operator_paused() -> None:
    world = World()
    world.owns(0, 1)
    world.looked(0)
    assert world.coordinator.own_behind
    world.paused = frozenset({TopicPartition(TOPICS.interactions, 1)})
    world.looked(0)
    assert not world.coordinator.own_behind
    assert world.coordinator.phase is Phase.SETTLING


def test_a_version_that_serves_is_live() -> None:
    world = World()
    assert world.coordinator.phase is Phase.CATCHING_UP
    world.serves = True
    assert world.coordinator.phase is Phase.LIVE


def test_partitions_that_wait_are_not_read_on() -> None:
    world = World()
    world.paused = frozenset({TopicPartition(TOPICS.deltas, 3)})
    world.owns(1, 0).wait(record(AT_MS))
    assert world.coordinator.not_to_read() == world.paused | {TopicPartition(TOPICS.interactions, 1)}


def test_lists_wait_for_every_partition_and_then_for_what_items_learned() -> None:
    world = World()
    own = world.owns(0, 1)
    world.looked(0)
    assert own.lists_wait, "the other one is far"
    world.learned()
    assert own.lists_wait
    world.looked(0, 1)
    assert own.lists_wait, "items do not know it yet"
    world.learned()
    assert not own.lists_wait
    own.folded(FALLEN_BEHIND_MS + 1)
    assert own.lists_wait
    world.looked(0)
    world.looked(0, 1)
    assert own.lists_wait, "it fell behind, and came again"
    world.serves = True
    assert not own.lists_wait


def test_a_paused_partition_is_told_from_the_others() -> None:
    world = World()
    items = [TopicPartition(TOPICS.deltas, partition) for partition in (0, 1)]
    world.paused = frozenset(items[:1])
    assert [world.coordinator.is_paused(tp) for tp in items] == [True, False]


@pytest.mark.parametrize("waited_ms", [0, FALLEN_BEHIND_MS + 1])
def test_it_is_behind_until_it_arrives_however_young_the_log_is(waited_ms: int) -> None:
    world = World()
    world.owns(0)
    assert world.coordinator.own_behind
    world.folded(waited_ms)
    assert world.coordinator.own_behind
    world.looked(0)
    assert not world.coordinator.own_behind


def test_who_arrived_is_behind_again_after_an_old_batch_only() -> None:
    world = World()
    world.owns(0)
    world.looked(0, 1)
    world.learned()
    world.folded(FALLEN_BEHIND_MS)
    assert world.coordinator.phase is Phase.LIVE
    world.folded(FALLEN_BEHIND_MS + 1)
    assert world.coordinator.own_behind
    assert world.coordinator.phase is Phase.CATCHING_UP
    world.looked(0, 1)
    assert not world.coordinator.own_behind
    assert world.coordinator.phase is Phase.SETTLING


def test_a_version_that_is_read_is_never_behind() -> None:
    world = World()
    world.owns(0)
    world.serves = True
    world.folded(FALLEN_BEHIND_MS + 1)
    assert not world.coordinator.own_behind
    world.serves = False
    assert world.coordinator.own_behind
    assert world.coordinator.phase is Phase.CATCHING_UP
    world.serves = True
    world.folded(0)
    world.serves = False
    assert not world.coordinator.own_behind, "it was at the head when it was read last"


def test_others_wait_when_one_of_this_worker_does_or_another_worker_said_so() -> None:
    world = World()
    partition = world.owns(0)
    waits = PartitionTime(AT_MS, AT_MS + 1)
    assert not partition.others_wait
    world.looked(times={0: PartitionTime(AT_MS), 1: waits})
    assert partition.others_wait
    world.looked(times={0: PartitionTime(AT_MS), 1: PartitionTime(AT_MS)})
    assert not partition.others_wait
    world.coordinator.observe(Waits(0, AT_MS + 1))
    assert partition.others_wait
    world.coordinator.observe(Passes(0))
    assert not partition.others_wait


def test_nobody_waits_for_a_version_that_has_caught_up() -> None:
    world = World()
    partition = world.owns(0)
    world.looked(0, 1, times={1: PartitionTime(AT_MS, AT_MS + 1)}, exhausted=(0, 1))
    assert world.coordinator.phase is Phase.SETTLING
    assert not partition.others_wait
