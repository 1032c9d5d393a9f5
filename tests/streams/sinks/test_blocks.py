"""Where blocks are cut."""

from aiokafka.structs import ConsumerRecord
from hypothesis import given
from hypothesis import strategies as st

from streams.sinks.blocks import BlockCutter

ALWAYS = float("inf")


def record(offset: int, timestamp: int = 0) -> ConsumerRecord:
    return ConsumerRecord("t", 0, offset, timestamp, 0, None, b"", None, 0, 0, ())


def offsets_of(cut: tuple[int, int, list[ConsumerRecord]] | None) -> tuple[int, int, list[int]] | None:
    return None if cut is None else (cut[0], cut[1], [one.offset for one in cut[2]])


def test_a_whole_block_ends_at_a_multiple() -> None:
    cutter = BlockCutter(10)
    cutter.add([record(offset) for offset in range(13, 25)], 0.0)
    assert offsets_of(cutter.cut(0.0, 5.0, ALWAYS)) == (13, 20, list(range(13, 20)))
    assert cutter.cut(4.9, 5.0, ALWAYS) is None
    assert offsets_of(cutter.cut(5.0, 5.0, ALWAYS)) == (20, 25, list(range(20, 25)))


def test_what_comes_after_a_tail_ends_at_the_same_multiple() -> None:
    cutter = BlockCutter(10)
    cutter.add([record(0), record(1)], 0.0)
    assert offsets_of(cutter.cut(5.0, 5.0, ALWAYS)) == (0, 2, [0, 1])
    cutter.add([record(offset) for offset in range(2, 12)], 6.0)
    assert offsets_of(cutter.cut(6.0, 5.0, ALWAYS)) == (2, 10, list(range(2, 10)))


def test_a_hole_at_the_end_of_a_block_does_not_hold_it_back() -> None:
    cutter = BlockCutter(10)
    cutter.add([record(7), record(12)], 0.0)  # 8 to 11 are markers of transactions
    assert offsets_of(cutter.cut(0.0, 5.0, ALWAYS)) == (7, 10, [7])


def test_a_block_waits_until_its_last_record_may_go_and_a_tail_is_cut_before_it() -> None:
    cutter = BlockCutter(3)
    cutter.add([record(offset, timestamp=offset * 100) for offset in range(5)], 0.0)
    assert cutter.cut(9.0, 5.0, 199.0) is None
    assert offsets_of(cutter.cut(9.0, 5.0, 200.0)) == (0, 3, [0, 1, 2])
    assert offsets_of(cutter.cut(9.0, 5.0, 300.0)) == (3, 4, [3])
    assert cutter.cut(9.0, 5.0, 300.0) is None


@given(st.lists(st.integers(1, 40), min_size=1, max_size=12), st.integers(0, 50), st.integers(1, 17))
def test_blocks_of_any_arrival_hold_every_record_once_and_are_the_same(
    arrivals: list[int], start: int, size: int
) -> None:
    cutter, offset, blocks = BlockCutter(size), start, []
    for count in arrivals:
        cutter.add([record(offset + number) for number in range(count)], 0.0)
        offset += count
        while (cut := cutter.cut(0.0, 1.0, ALWAYS)) is not None:
            blocks.append(cut)
    while (cut := cutter.cut(2.0, 1.0, ALWAYS)) is not None:
        blocks.append(cut)
    assert [one.offset for _, _, records in blocks for one in records] == list(range(start, offset))
    assert all(end % size == 0 for _, end, _ in blocks[:-1])
    assert len(cutter) == 0
