"""Unique viewers: exact while few, close when many, and the same bytes in any order."""

import pytest
from hypothesis import given
from hypothesis import strategies as st

from tables.unique_viewers import CODEC, EXACT, UniqueViewers, viewer_hash


def of(hashes: list[int]) -> UniqueViewers:
    viewers = UniqueViewers()
    for one in hashes:
        viewers.add(one)
    return viewers


def row(viewers: UniqueViewers) -> bytes:
    return CODEC.encode(viewers.to_row())


@given(st.lists(st.integers(0, 2**32 - 1), max_size=300), st.randoms(use_true_random=False))
def test_order_and_repetition_leave_no_trace(hashes: list[int], random) -> None:  # type: ignore[no-untyped-def]
    again = hashes + hashes[:50]
    random.shuffle(again)
    assert row(of(hashes)) == row(of(again))


@given(st.sets(st.integers(0, 2**32 - 1), max_size=EXACT))
def test_few_are_counted_exactly(hashes: set[int]) -> None:
    assert of(list(hashes)).count() == len(hashes)


@pytest.mark.parametrize("many", [129, 1_000, 5_000, 100_000])
def test_many_are_counted_within_a_tenth(many: int) -> None:
    viewers = of([viewer_hash(f"user {number}") for number in range(many)])
    assert viewers.count() == pytest.approx(many, rel=0.1)


@given(st.lists(st.integers(0, 2**32 - 1), max_size=300), st.integers(0, 300))
def test_a_set_goes_on_from_its_row(hashes: list[int], cut: int) -> None:
    restored = UniqueViewers.from_row(CODEC.decode(row(of(hashes[:cut]))))
    for one in hashes[cut:]:
        restored.add(one)
    assert row(restored) == row(of(hashes))


def test_add_says_whether_anything_changed() -> None:
    viewers = UniqueViewers()
    assert viewers.add(5)
    assert not viewers.add(5)
    crowd = of(list(range(0, 2**32, 2**22)))
    assert not crowd.add(0)
