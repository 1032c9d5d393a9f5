"""Partitions of a replay stay together in event time, whoever owns them and whatever gaps the log has."""

from collections.abc import Sequence

import orjson
from aiokafka.structs import ConsumerRecord
from hypothesis import given, settings
from hypothesis import strategies as st

from agents.alignment import STRIDE, Alignment, Elsewhere, Turn
from streams.partition_times import PartitionTime, note_of, time_in

START_MS = 1_700_000_000_000
APPENDED_MS = START_MS + 10**10
SKEW_MS = 100


def record(offset: int, at_ms: int, append_ms: int = APPENDED_MS) -> ConsumerRecord:
    event = {"event_type": "view", "user_id": "u", "item_id": "i", "timestamp": START_MS + at_ms}
    return ConsumerRecord("t", 0, offset, append_ms, 1, b"u", orjson.dumps(event), None, 0, 0, ())


class Partition:
    """A partition of interactions: its log and what was folded of it."""

    def __init__(self, times: Sequence[int]) -> None:
        self.times = list(times)
        self.log = [record(offset, at) for offset, at in enumerate(times)]
        self.folded = 0
        self.note = ""

    @property
    def folded_ms(self) -> int:
        return START_MS + max(self.times[: self.folded]) if self.folded else 0

    @property
    def next_ms(self) -> int | None:
        """The time of the oldest record that is left and not late; None = nothing is left."""
        left = [START_MS + at for at in self.times[self.folded :]]
        return max(left[0], self.folded_ms) if left else None


class Worker:
    """What one process knows and does; it owns some of the partitions."""

    def __init__(self, partitions: list[Partition], owned: set[int]) -> None:
        self.partitions, self.owned = partitions, sorted(owned)
        self.alignment = Alignment(
            len(partitions), SKEW_MS, lambda: {number: partitions[number].folded_ms for number in self.owned}
        )
        self.worst_ms = 0

    def look(self) -> None:
        """Reads the group's offsets."""
        done = {number for number, partition in enumerate(self.partitions) if partition.next_ms is None}
        notes = {number: time_in(partition.note) for number, partition in enumerate(self.partitions)}
        self.alignment.learn(Elsewhere(notes, done))

    def work(self, number: int, at_most: int) -> int:
        """Folds what is allowed of the next records, and commits."""
        partition = self.partitions[number]
        batch = partition.log[partition.folded : partition.folded + at_most]
        if not batch:
            return 0
        turn = Turn(self.alignment, number, lambda: True)
        count = turn.allowed(batch)
        for _ in range(count):
            self._fold(number)
        partition.note = turn.note()
        return count

    def _fold(self, number: int) -> None:
        partition = self.partitions[number]
        at_ms = START_MS + partition.times[partition.folded]
        others = [other.next_ms for place, other in enumerate(self.partitions) if place != number]
        self.worst_ms = max(self.worst_ms, at_ms - min((ms for ms in others if ms is not None), default=at_ms))
        partition.folded += 1


LOGS = st.lists(st.lists(st.integers(0, 2_000), max_size=20).map(sorted), min_size=2, max_size=4)


@settings(max_examples=50)
@given(logs=LOGS, data=st.data())
def test_no_record_is_folded_far_ahead_of_another_partition_and_all_are_folded(
    logs: list[list[int]], data: st.DataObject
) -> None:
    partitions = [Partition(times) for times in logs]
    owned_by_first = {number for number in range(len(logs)) if data.draw(st.booleans())}
    workers = [Worker(partitions, owned_by_first), Worker(partitions, set(range(len(logs))) - owned_by_first)]
    for _ in range(10):  # in any order, knowing more or less of each other
        worker = data.draw(st.sampled_from(workers))
        if data.draw(st.booleans()):
            worker.look()
        for number in worker.owned:
            worker.work(number, data.draw(st.integers(1, 20)))
    while any(partition.next_ms is not None for partition in partitions):
        folded = 0
        for _ in range(2):  # a round in which all say what they wait with, and one in which somebody goes on
            for worker in workers:
                worker.look()
                folded += sum(worker.work(number, 4) for number in worker.owned)
        assert folded, "all wait for each other"
    assert all(worker.worst_ms <= SKEW_MS for worker in workers)


def test_a_gap_in_the_whole_log_holds_up_nobody_for_ever() -> None:
    partitions = [Partition([0, 10_000]), Partition([1, 9_000])]
    worker = Worker(partitions, {0, 1})
    for _ in range(4):
        worker.work(0, 2)
        worker.work(1, 2)
    assert [partition.folded for partition in partitions] == [1, 2], "the older record first"
    worker.look()
    assert worker.work(0, 2), "nobody else has records left"


def test_what_another_worker_has_not_begun_holds_back() -> None:
    alignment = Alignment(2, SKEW_MS, lambda: {0: START_MS})
    assert alignment.allowed(0, [record(0, 0)]) == 0
    assert alignment.held == {0}
    alignment.learn(Elsewhere({1: PartitionTime(START_MS)}, ()))
    assert alignment.allowed(0, [record(0, SKEW_MS), record(1, SKEW_MS + 1)]) == 1
    assert note_of(alignment.time(0)) == f"{START_MS} {START_MS + SKEW_MS + 1}"
    alignment.learn(Elsewhere({}, {1}))  # it is at its end
    assert alignment.allowed(0, [record(1, SKEW_MS + 1)]) == 1
    assert not alignment.held


def test_a_paused_partition_holds_nobody_back() -> None:
    alignment = Alignment(2, SKEW_MS, lambda: {0: START_MS}, lambda: {1})
    assert alignment.allowed(0, [record(0, 10_000)]) == 1


def test_who_is_near_the_head_waits_for_nobody() -> None:
    alignment, far = Alignment(2, SKEW_MS, lambda: {0: START_MS}), True
    turn = Turn(alignment, 0, lambda: far)
    assert turn.allowed([record(0, 0)]) == 0
    far = False
    assert turn.allowed([record(0, 0)]) == 1
    assert not alignment.held


def test_the_record_at_the_limit_is_found_within_a_large_batch() -> None:
    alignment = Alignment(2, SKEW_MS, lambda: {0: START_MS, 1: START_MS})
    batch = [record(offset, offset) for offset in range(STRIDE * 40)]
    assert alignment.allowed(0, batch) == SKEW_MS + 1


def test_dead_letters_have_no_time_and_pass() -> None:
    alignment = Alignment(2, SKEW_MS, lambda: {0: START_MS, 1: START_MS})
    broken = ConsumerRecord("t", 0, 0, APPENDED_MS, 1, b"u", b"{", None, 0, 0, ())
    assert alignment.allowed(0, [broken]) == 1


def test_a_partition_that_is_given_away_waits_no_longer() -> None:
    alignment = Alignment(2, SKEW_MS, lambda: {0: START_MS})
    turn = Turn(alignment, 0, lambda: True)
    turn.allowed([record(0, 0)])
    turn.end()
    assert not alignment.held
