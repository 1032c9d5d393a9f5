from agents.delivery.outgoing import Outgoing
from agents.delivery.quarantine import CrashMark, CrashMarks


def marks() -> CrashMarks:
    return CrashMarks("marks", "input", 2)


def apply(crash_marks: CrashMarks, records: list[Outgoing]) -> None:
    for record in records:
        assert (record.topic, record.partition) == ("marks", 2)
        crash_marks.table.load(record.key or b"", record.value)


def reopened(stored: CrashMarks) -> CrashMarks:
    fresh = marks()
    fresh.table.rows.update(stored.table.rows)
    return fresh


def test_attempts_at_one_offset_add_up_over_restarts() -> None:
    first = marks()
    apply(first, first.begin(40, single=False))
    second = reopened(first)
    assert second.mark == CrashMark(40, 1)
    apply(second, second.begin(40, single=False))
    assert reopened(second).mark == CrashMark(40, 2)
    assert CrashMark(40, 2).exhausted
    assert not CrashMark(40, 1).exhausted


def test_another_offset_or_a_single_attempt_starts_at_one() -> None:
    crash_marks = marks()
    crash_marks.begin(40, single=False)
    crash_marks.begin(41, single=False)
    assert crash_marks.mark == CrashMark(41, 1)
    crash_marks.begin(41, single=True)
    assert crash_marks.mark == CrashMark(41, 1, single=True)


def test_a_committed_batch_forgets_the_mark_with_a_tombstone() -> None:
    crash_marks = marks()
    assert crash_marks.clear() == []
    apply(crash_marks, crash_marks.begin(40, single=False))
    cleared = crash_marks.clear()
    assert [record.value for record in cleared] == [None]
    assert crash_marks.mark is None
    assert crash_marks.clear() == []


def test_the_mark_of_another_partition_of_the_same_topic_partition_is_not_ours() -> None:
    other = CrashMarks("marks", "other-input", 2)
    ours = marks()
    for record in other.begin(7, single=False):
        ours.table.load(record.key or b"", record.value)
    assert ours.mark is None
