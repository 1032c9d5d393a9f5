from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from streams.kafka.record_batch import RecordBatch, split


def record(offset: int) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, 0, 0, b"k", b"v", None, 1, 1, ())


@given(
    gaps=st.lists(st.integers(1, 4), min_size=1, max_size=40),
    max_records=st.integers(1, 10),
    trailing_markers=st.integers(0, 3),
)
def test_parts_chain_without_a_hole_and_keep_every_record(
    gaps: list[int], max_records: int, trailing_markers: int
) -> None:
    offsets = [sum(gaps[: i + 1]) for i in range(len(gaps))]
    whole = RecordBatch([record(o) for o in offsets], 3, 0, offsets[-1] + 1 + trailing_markers)
    parts = split(whole, max_records)
    assert [r.offset for part in parts for r in part.records] == offsets
    assert all(1 <= len(part.records) <= max_records for part in parts)
    assert parts[0].follows == whole.follows
    assert [part.follows for part in parts[1:]] == [part.next_offset for part in parts[:-1]]
    assert parts[-1].next_offset == whole.next_offset


def test_each_part_follows_the_one_before() -> None:
    parts = split(RecordBatch([record(5), record(6)], 1, 3, 7), 1)
    assert [(part.follows, part.next_offset) for part in parts] == [(3, 6), (6, 7)]
