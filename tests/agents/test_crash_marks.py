"""What the marks of ended owners make their next owners do."""

import pytest

from agents.delivery.crash_marks import CLEARED_AFTER_RECORDS, MAX_ATTEMPTS, SMALL_BATCH_RECORDS, CrashMark, CrashMarks
from agents.delivery.outgoing import Outgoing

KEY = b"input:2"


def marks(stored: bytes | None = None) -> CrashMarks:
    made = CrashMarks("marks", "input", 2)
    if stored is not None:
        made.table.load(KEY, stored)
    return made


def value_of(records: list[Outgoing]) -> bytes | None:
    (record,) = records
    assert (record.topic, record.partition, record.key) == ("marks", 2, KEY)
    return record.value


def next_owner_of(owner: CrashMarks) -> CrashMarks:
    next_owner = marks(owner.table.rows.get(KEY))
    next_owner.open()
    return next_owner


def test_each_owner_that_ends_makes_the_next_one_more_careful() -> None:
    owner = marks()
    assert value_of(owner.open()) is not None
    assert (owner.crashes, owner.left_to_fold_one_by_one) == (0, 0)
    assert owner.open() == []
    owner = next_owner_of(owner)
    assert (owner.crashes, owner.left_to_fold_one_by_one) == (1, 0)
    owner = next_owner_of(owner)
    assert (owner.crashes, owner.left_to_fold_one_by_one) == (2, SMALL_BATCH_RECORDS)


def test_only_the_first_small_batch_is_folded_singly() -> None:
    owner = next_owner_of(next_owner_of(next_owner_of(marks())))
    for number in range(SMALL_BATCH_RECORDS):
        assert owner.left_to_fold_one_by_one == SMALL_BATCH_RECORDS - number
        owner.record_success(1)
    owner.record_success(1)
    assert owner.left_to_fold_one_by_one == 0
    assert owner.crashes == 2


def test_a_thousand_records_clear_the_mark_with_a_tombstone() -> None:
    owner = next_owner_of(next_owner_of(marks()))
    assert owner.record_success(CLEARED_AFTER_RECORDS - 1) == []
    assert value_of(owner.record_success(1)) is None
    assert owner.mark is None
    assert owner.record_success(1) == owner.release() == []


def test_a_mark_stays_open_for_as_long_as_anything_may_be_uncommitted() -> None:
    owner = CrashMarks("marks", "input", 2, uncommitted=CLEARED_AFTER_RECORDS + 500)
    owner.open()
    assert owner.record_success(CLEARED_AFTER_RECORDS + 499) == []
    assert value_of(owner.record_success(1)) is None


def test_a_partition_given_away_in_good_order_suspects_nobody() -> None:
    owner = marks()
    owner.open()
    assert value_of(owner.release()) is None
    assert next_owner_of(owner).crashes == 0


def test_a_suspicion_survives_a_handover_and_does_not_grow_by_it() -> None:
    owner = next_owner_of(next_owner_of(marks()))
    assert owner.crashes == 1
    assert value_of(owner.release()) is not None
    assert next_owner_of(owner).crashes == 1


def test_an_owner_that_goes_on_after_a_handover_opens_its_mark_again() -> None:
    owner = marks()
    owner.open()
    owner.release()
    assert value_of(owner.open()) is not None


def test_a_record_is_condemned_when_it_was_begun_alone_often_enough() -> None:
    owner = next_owner_of(marks())
    for attempt in range(MAX_ATTEMPTS):
        assert owner.poison_offset is None, attempt
        owner.begin(41)
        owner = next_owner_of(owner)
    assert owner.poison_offset == 41


def test_a_record_that_was_begun_and_not_folded_is_not_blamed() -> None:
    owner = next_owner_of(next_owner_of(marks()))
    owner.begin(41)
    owner.cancel_attempt()
    owner.release()
    owner = next_owner_of(owner)
    owner.begin(41)
    assert next_owner_of(owner).poison_offset is None


def test_another_record_starts_at_one() -> None:
    owner = marks()
    owner.open()
    for offset in (40, 41, 40):
        owner.begin(offset)
    assert owner.mark == CrashMark(alone=40, attempts=1)


def test_the_mark_of_another_input_is_not_ours() -> None:
    ours = marks()
    ours.table.load(b"other-input:2", b"{}")
    assert ours.mark is None


@pytest.mark.parametrize("stored", [b'{"offset":40,"attempts":2,"single":true}', b'{"offset":40,"attempts":1}'])
def test_a_mark_of_the_former_kind_says_that_an_owner_ended(stored: bytes) -> None:
    owner = marks(stored)
    owner.open()
    assert owner.crashes == 1
    owner.begin(40)
    assert owner.poison_offset is None


@pytest.mark.parametrize("foreign", [b"nonsense", b"", b'{"crashes":"many"}'])
def test_a_mark_that_is_none_is_an_open_one(foreign: bytes) -> None:
    made = marks(foreign)
    made.open()
    assert made.crashes == 1, "who does not know is careful"
