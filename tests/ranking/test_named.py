"""Sums over what recent items name, and the same taken apart, are what plain loops say."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.named import Named

SIZE = 12


@st.composite
def rows(draw: st.DrawFn) -> list[list[tuple[int, float]]]:
    """What up to 6 recent items name, each up to 5 of 12 items, none twice; a weight of 0 marks an empty place."""
    width, recent = draw(st.integers(1, 5)), draw(st.integers(0, 6))
    weight = st.sampled_from([0.0, 0.0, 1e-30, 0.25, 3.0, 1e30])
    named = st.lists(st.tuples(st.integers(0, SIZE - 1), weight), min_size=width, max_size=width)
    return [
        draw(named.filter(lambda row: len({i for i, w in row if w}) == sum(w > 0 for _, w in row)))
        for _ in range(recent)
    ]


def named_by(given_rows: list[list[tuple[int, float]]]) -> Named:
    width = len(given_rows[0]) if given_rows else 5
    table = np.array(given_rows, np.float64).reshape(len(given_rows), width, 2)
    return Named.of(table[:, :, 0].astype(np.int32), table[:, :, 1].astype(np.float32))


@settings(deadline=None)
@given(rows(), st.lists(st.integers(0, SIZE - 1), unique=True))
def test_sums_and_parts_are_what_loops_say(given_rows: list[list[tuple[int, float]]], items: list[int]) -> None:
    named = named_by(given_rows)
    sums = [sum(float(np.float32(w)) for row in given_rows for i, w in row if i == item) for item in range(SIZE)]
    assert named.summed(SIZE) == pytest.approx(np.array(sums))
    parts = named.by_recent(np.array(items, np.int32), SIZE)
    assert parts.shape == (len(items), len(given_rows))
    for slot, item in enumerate(items):
        for place, row in enumerate(given_rows):
            assert parts[slot, place] == np.float32(sum(w for i, w in row if i == item))


@settings(deadline=None)
@given(rows(), st.lists(st.floats(0, 1, width=32), max_size=8))
def test_only_the_first_are_counted_by_their_factors(
    given_rows: list[list[tuple[int, float]]], factors: list[float]
) -> None:
    counted = named_by(given_rows).counted(np.array(factors, np.float32)).summed(SIZE)
    for item in range(SIZE):
        expected = sum(
            float(np.float32(w) * np.float32(factor))
            for row, factor in zip(given_rows, factors, strict=False)
            for i, w in row
            if i == item
        )
        assert counted[item] == pytest.approx(expected)
