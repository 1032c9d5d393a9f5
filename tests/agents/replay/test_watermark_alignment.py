"""Partitions of a replay stay together in event time, whoever owns them and whatever gaps the log has."""

from collections.abc import Mapping, Sequence

import orjson
from aiokafka.structs import ConsumerRecord, TopicPartition
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.replay.coordinator import PartitionReplay, ReplayCoordinator
from agents.replay.phases import Looked
from agents.replay.watermark_alignment import STRIDE
from streams.kafka.partition_times import PartitionTime, time_in

START_MS = 1_700_000_000_000
APPENDED_MS = START_MS + 10**10
SKEW_MS = 100


def record(offset: int, at_ms: int, append_ms: int = APPENDED_MS) -> ConsumerRecord:
    event = {"event_type": "view", "user_id": "u", "item_id": "i", "timestamp": START_MS + at_ms}
    return ConsumerRecord("t", 0, offset, append_ms, 1, b"u", orjson.dumps(event), None, 0, 0, ())


class Partition:
    """A partition of interactions: its log, how much of it was folded, and what is committed."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = list(times)
        self.log = [record(offset, at) for offset, at in enumerate(times)]
        self.folded = self.committed = 0
        self.note = ""

    def reached_ms(self, count: int) -> int:
        """The time of the partition when so many records are folded."""
        return START_MS + max(self.times[:count]) if count else 0

    @property
    def next_ms(self) -> int | None:
        """No record behind what is committed is older, unless it is late; None = nothing is left."""
        left = [START_MS + at for at in self.times[self.committed :]]
        return max(left[0], self.reached_ms(self.committed)) if left else None


def offer(gate: PartitionReplay, records: Sequence[ConsumerRecord]) -> int:
    """What a partition's task does with the next records."""
    count = gate.allowed(records)
    if count < len(records):
        gate.wait(records[count])
    else:
        gate.go()
    return count


class Worker:
    """What one process knows and does; it owns some of the partitions."""

    def __init__(self, partitions: list[Partition], owned: set[int]) -> None:
        self.partitions, self.owned = partitions, sorted(owned)
        self.begin()

    def begin(self) -> None:
        """A process begins, or begins again after a kill -9."""
        self.told = dict.fromkeys(self.owned, "")
        for number in self.owned:
            self.partitions[number].folded = self.partitions[number].committed
        self.coordinator = ReplayCoordinator("t", len(self.partitions), SKEW_MS, lambda: False, lambda: self.told)
        self.gates = {
            number: self.coordinator.of(
                number, lambda number=number: self.partitions[number].reached_ms(self.partitions[number].folded)
            )
            for number in self.owned
        }

    def look(self) -> None:
        """Reads the group's offsets."""
        done = {number for number, partition in enumerate(self.partitions) if partition.next_ms is None}
        notes = {number: time_in(partition.note) for number, partition in enumerate(self.partitions)}
        self.coordinator.observe(Looked(notes, frozenset(done), frozenset()))

    def work(self, number: int, at_most: int) -> int:
        """Folds what is allowed of the next records."""
        partition = self.partitions[number]
        batch = partition.log[partition.folded : partition.folded + at_most]
        count = offer(self.gates[number], batch) if batch else 0
        partition.folded += count
        return count

    def commit(self, number: int) -> None:
        """What is folded is durable, with a note."""
        partition = self.partitions[number]
        partition.committed = partition.folded
        partition.note = self.told[number] = self.gates[number].note()


def skew_ms(partitions: list[Partition]) -> int:
    """How far a partition is ahead of another one that has records left, by what is committed."""
    left = [partition.next_ms for partition in partitions]
    ahead = [
        partition.reached_ms(partition.committed) - other_ms
        for number, partition in enumerate(partitions)
        for other, other_ms in enumerate(left)
        if other != number and other_ms is not None
    ]
    return max(ahead, default=0)


LOGS = st.lists(st.lists(st.integers(0, 2_000), max_size=20).map(sorted), min_size=2, max_size=4)


@settings(max_examples=100)
@given(logs=LOGS, data=st.data())
def test_no_partition_gets_far_ahead_of_another_and_all_are_folded(logs: list[list[int]], data: st.DataObject) -> None:
    partitions = [Partition(times) for times in logs]
    owned_by_first = {number for number in range(len(logs)) if data.draw(st.booleans())}
    workers = [Worker(partitions, owned_by_first), Worker(partitions, set(range(len(logs))) - owned_by_first)]
    for _ in range(12):  # in any order, knowing more or less of each other
        worker = data.draw(st.sampled_from(workers))
        what = data.draw(st.sampled_from(["work", "work", "commit", "commit", "look", "kill"]))
        for number in worker.owned:
            if what == "work":
                worker.work(number, data.draw(st.integers(1, 20)))
            elif what == "commit" and data.draw(st.booleans()):
                worker.commit(number)
                assert skew_ms(partitions) <= SKEW_MS
        if what == "look":
            worker.look()
        elif what == "kill":
            worker.begin()
    while any(partition.next_ms is not None for partition in partitions):
        folded = 0
        for _ in range(2):  # a round in which all say what they wait with, and one in which somebody goes on
            for worker in workers:
                worker.look()
                for number in worker.owned:
                    folded += worker.work(number, 4)
                    worker.commit(number)
                    assert skew_ms(partitions) <= SKEW_MS
        assert folded or all(partition.next_ms is None for partition in partitions), "all wait for each other"


def test_a_gap_in_the_whole_log_holds_up_nobody_for_ever() -> None:
    partitions = [Partition([0, 10_000]), Partition([1, 9_000])]
    worker = Worker(partitions, {0, 1})
    for _ in range(4):
        for number in (0, 1):
            worker.work(number, 2)
            worker.commit(number)
    assert [partition.folded for partition in partitions] == [1, 2], "the older record first"
    worker.look()
    assert worker.work(0, 2), "nobody else has records left"


class Two:
    """A worker of a version of two partitions: the first ones are its own, and have come to these times."""

    def __init__(self, *folded_ms: int) -> None:
        self.folded_ms = folded_ms
        self.serves = False
        self.paused: frozenset[TopicPartition] = frozenset()
        notes = dict(enumerate(map(str, folded_ms)))
        self.coordinator = ReplayCoordinator("t", 2, SKEW_MS, lambda: self.serves, lambda: notes, lambda: self.paused)
        self.gate = self.coordinator.of(0, lambda: folded_ms[0])

    def looked(self, times: Mapping[int, PartitionTime], *exhausted: int) -> None:
        self.coordinator.observe(Looked(times, frozenset(exhausted), frozenset()))


def test_what_another_worker_has_not_begun_holds_back() -> None:
    two = Two(START_MS)
    assert offer(two.gate, [record(0, 0)]) == 0
    assert set(two.coordinator.waiting) == {0}
    two.looked({1: PartitionTime(START_MS)})
    assert offer(two.gate, [record(0, SKEW_MS), record(1, SKEW_MS + 1)]) == 1
    assert two.gate.note() == f"{START_MS} {START_MS + SKEW_MS + 1}"
    two.looked({}, 1)  # it is at its end
    assert offer(two.gate, [record(1, SKEW_MS + 1)]) == 1
    assert not two.coordinator.waiting


def test_asking_changes_nothing() -> None:
    two = Two(START_MS)
    before = two.coordinator._state
    assert two.gate.allowed([record(0, 0)]) == 0
    assert two.coordinator._state is before
    assert not two.coordinator.waiting
    assert not two.coordinator.not_to_read()


def test_a_paused_partition_holds_nobody_back() -> None:
    two = Two(START_MS)
    two.paused = frozenset({TopicPartition("t", 1)})
    assert offer(two.gate, [record(0, 10_000)]) == 1


def test_once_all_are_at_the_head_nobody_waits() -> None:
    two = Two(START_MS)
    assert offer(two.gate, [record(0, 0)]) == 0
    two.coordinator.observe(Looked({}, frozenset(), frozenset({0, 1})))
    assert offer(two.gate, [record(0, 0)]) == 1
    assert not two.coordinator.waiting


def test_a_version_that_serves_waits_for_nobody() -> None:
    two = Two(START_MS)
    assert offer(two.gate, [record(0, 0)]) == 0
    two.serves = True
    assert offer(two.gate, [record(0, 0)]) == 1
    assert not two.coordinator.waiting


def test_the_record_at_the_limit_is_found_within_a_large_batch() -> None:
    batch = [record(offset, offset) for offset in range(STRIDE * 40)]
    assert offer(Two(START_MS, START_MS).gate, batch) == SKEW_MS + 1


def test_dead_letters_have_no_time_and_pass() -> None:
    broken = ConsumerRecord("t", 0, 0, APPENDED_MS, 1, b"u", b"{", None, 0, 0, ())
    assert offer(Two(START_MS, START_MS).gate, [broken]) == 1


def test_a_partition_that_is_given_away_waits_no_longer() -> None:
    two = Two(START_MS)
    offer(two.gate, [record(0, 0)])
    assert two.coordinator.not_to_read() == {TopicPartition("t", 0)}
    two.gate.go()
    assert not two.coordinator.waiting
    assert not two.coordinator.not_to_read()
