"""What a worker does differently while its version is far behind the head."""

from collections.abc import Mapping
from math import inf
from types import MappingProxyType, SimpleNamespace
from typing import Any

from aiokafka.structs import ConsumerRecord, TopicPartition

from agents.alignment import Elsewhere
from agents.backlog import Backlog
from ranking.judgements import UNKNOWN_MS
from streams.partition_times import PartitionTime
from streams.topics import Topics

TOPICS = Topics(version="v2")
DAY_S = 86_400
AT_MS = 1_700_000_000_000


class World:
    """A worker that owns nothing yet, of a version that serves nobody."""

    def __init__(self) -> None:
        config: Any = SimpleNamespace(topics=TOPICS, partitions=2, replay_max_skew_s=DAY_S, replay_refit_growth=4.0)
        self.ownership: Any = SimpleNamespace(tasks={})
        self.serves = False
        self.paused: frozenset[TopicPartition] = frozenset()
        self.released = 0
        self.epochs: Any = SimpleNamespace(knew_ms=AT_MS, release=self._release)
        self.fits: Any = SimpleNamespace(due=False)
        self.backlog = Backlog(config, self.ownership, lambda: self.serves, lambda: self.paused)
        self.backlog.follow(self.epochs, self.fits)

    def _release(self) -> None:
        self.released += 1

    def looked(self, *arrived: int, times: Mapping[int, PartitionTime] = MappingProxyType({})) -> None:
        """The group's offsets were read: so many partitions are at their ends."""
        self.backlog.learn(Elsewhere(times, ()), arrived)

    def owns(self, *partitions: int) -> None:
        for partition in partitions:
            self.backlog.catch_up_of(partition)
            source = TopicPartition(TOPICS.interactions, partition)
            self.ownership.tasks[source] = SimpleNamespace(noted="")


def test_before_it_owns_anything_the_log_may_be_long_and_nothing_is_known_of_it() -> None:
    world = World()
    assert world.backlog.far
    assert world.backlog.frontier_ms() == 0
    world.backlog.learn(Elsewhere({}, {0, 1}), {0, 1})
    assert not world.backlog.far
    assert world.backlog.frontier_ms() == inf


def test_the_item_model_waits_for_the_slowest_partition_and_for_fits() -> None:
    world = World()
    world.backlog.alignment.learn(Elsewhere({0: PartitionTime(AT_MS + 5), 1: PartitionTime(AT_MS)}, ()))
    assert world.backlog.frontier_ms() == AT_MS
    world.fits.due = True
    assert world.backlog.frontier_ms() == -inf
    world.serves = True
    assert world.backlog.frontier_ms() == inf


def test_far_behind_items_are_read_as_of_what_they_know() -> None:
    world = World()
    assert (world.backlog.knew_ms(), world.backlog.model_ms(AT_MS + 9)) == (AT_MS, AT_MS)
    world.serves = True
    assert (world.backlog.knew_ms(), world.backlog.model_ms(AT_MS + 9)) == (UNKNOWN_MS, AT_MS + 9)


def test_what_waits_is_released_when_a_partition_arrives() -> None:
    world = World()
    world.owns(0, 1)
    world.looked(0)
    assert world.released == 1
    assert world.backlog.far, "the other one did not arrive"
    world.looked(0, 1)
    assert world.released == 2
    assert not world.backlog.far


def record(at_ms: int) -> ConsumerRecord:
    value = b'{"event_type":"view","user_id":"u","item_id":"i","timestamp":%d}' % at_ms
    return ConsumerRecord(TOPICS.interactions, 0, 0, at_ms, 1, b"u", value, None, 0, 0, ())


def test_a_partition_at_its_end_waits_while_another_one_is_far_behind() -> None:
    world = World()
    world.owns(0)
    turn = world.backlog.turn_of(0, lambda: AT_MS)
    new = record(AT_MS + DAY_S * 1_000 + 1)
    world.looked(0, times={1: PartitionTime(AT_MS)})
    assert not world.backlog.far
    assert world.backlog.apart
    assert turn.allowed([new]) == 0
    world.looked(0, 1, times={1: PartitionTime(AT_MS)})
    assert not world.backlog.apart
    assert turn.allowed([new]) == 1


def test_nothing_waits_for_a_partition_that_an_operator_paused() -> None:
    world = World()
    world.owns(0, 1)
    world.looked(0)
    assert world.backlog.far
    world.paused = frozenset({TopicPartition(TOPICS.interactions, 1)})
    world.looked(0)
    assert not world.backlog.far
    assert not world.backlog.apart


def test_a_version_that_serves_is_not_apart() -> None:
    world = World()
    assert world.backlog.apart
    world.serves = True
    assert not world.backlog.apart


def test_partitions_that_wait_are_not_read_on() -> None:
    world = World()
    world.paused = frozenset({TopicPartition(TOPICS.deltas, 3)})
    world.backlog.alignment.held = frozenset({1})
    assert world.backlog.not_to_read() == world.paused | {TopicPartition(TOPICS.interactions, 1)}


def test_lists_wait_for_every_partition_and_then_for_what_items_learned() -> None:
    world = World()
    world.owns(0, 1)
    own = world.backlog.catch_up_of(0)
    world.looked(0)
    assert (own.far, own.leaves_lists) == (False, True), "the other one is far"
    world.backlog.settle()
    assert own.leaves_lists
    world.looked(0, 1)
    assert own.leaves_lists, "items do not know it yet"
    world.backlog.settle()
    assert not own.leaves_lists
    world.looked(0)
    world.looked(0, 1)
    assert own.leaves_lists, "it fell behind, and came again"
    world.serves = True
    assert not own.leaves_lists


def test_a_paused_partition_is_told_from_the_others() -> None:
    world = World()
    items = [TopicPartition(TOPICS.deltas, partition) for partition in (0, 1)]
    world.paused = frozenset(items[:1])
    assert world.backlog.unpaused(items) == items[1:]
