"""Sums over what recent items name, and the same taken apart, are what plain loops say."""

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from ranking.named import EVEN, Named
from ranking.ragged import Ragged, offsets_of

SIZE = 12
FACTORS = st.sampled_from([1.0, 0.5, 0.81])


@st.composite
def named(draw: st.DrawFn) -> Named:
    """What 6 items name, each up to 5 of 12, none twice; a weight of 0 marks an empty place. Up to 6 are recent
    of each of up to three users, of which some are asked."""
    width = draw(st.integers(1, 5))
    weight = st.sampled_from([0.0, 0.0, 1e-30, 0.25, 3.0, 1e30])
    row = st.lists(st.tuples(st.integers(0, SIZE - 1), weight), min_size=width, max_size=width).filter(
        lambda row: len({item for item, w in row if w}) == sum(w > 0 for _, w in row)
    )
    table = np.array([draw(row) for _ in range(6)] + [[(0, 0.0)] * width] * (SIZE - 6), np.float64)
    users = draw(st.lists(st.lists(st.integers(0, 5), unique=True), min_size=1, max_size=3))
    recent = Ragged.of([np.array(user, np.int32) for user in users])
    factors = draw(st.lists(FACTORS, min_size=len(recent.values), max_size=len(recent.values)))
    items, weights = np.ascontiguousarray(table[:, :, 0], np.int32), np.ascontiguousarray(table[:, :, 1], np.float32)
    return Named(items, weights, recent, np.array(factors, np.float64), draw(st.integers(1, 6)))


def says(said: Named, place: int, item: int) -> float:
    row = said.recent.values[place]
    weights = said.weights[row][(said.items[row] == item) & (said.weights[row] > 0)]
    return float(weights.astype(np.float64).sum() * said.factors[place])


@settings(deadline=None)
@given(named(), st.data(), st.lists(st.floats(0, 1), max_size=8), st.booleans())
def test_sums_and_parts_are_what_loops_say(said: Named, data: st.DataObject, again: list[float], scaled: bool) -> None:
    users = [range(first, min(end, first + said.most)) for first, end in pairwise(said.recent.offsets.tolist())]
    scale = np.linspace(0.5, 2, SIZE).astype(np.float32) if scaled else EVEN
    both = said.summed(np.array(again, np.float64), scale)
    everything = Ragged(offsets_of([SIZE] * len(users)), np.tile(np.arange(SIZE, dtype=np.int32), len(users)))
    sums, sums_again = (found.reshape(-1, SIZE) for found in both.of(everything))
    for user, places in enumerate(users):
        for item in range(SIZE):
            parts = [says(said, place, item) for place in places]
            times = float(scale[item]) if scaled else 1.0
            assert sums[user, item] == pytest.approx(sum(parts) * times)
            some = [part * factor for part, factor in zip(parts, again, strict=False)]
            assert sums_again[user, item] == pytest.approx(sum(some) * times)
    asked = [data.draw(st.lists(st.integers(0, SIZE - 1), unique=True)) for _ in users]
    table = said.by_recent(Ragged.of([np.array(items, np.int32) for items in asked])).tolist()
    for places, items in zip(users, asked, strict=True):
        for item in items:
            assert table.pop(0)[: len(places)] == [says(said, place, item) for place in places]


def test_named_items_ascend_and_are_named_once_a_user() -> None:
    items = np.array([[3, 1], [1, 0], [5, 3], [0, 0], [0, 0], [0, 0]], np.int32)
    weights = np.array([[1, 1], [1, 0], [1, 1], [0, 0], [0, 0], [0, 0]], np.float32)
    recent = Ragged.of([np.array(user, np.int32) for user in ([0, 1, 2], [], [2])])
    named = Named(items, weights, recent, np.ones(4), 6).summed(np.ones(1), EVEN).named
    assert [named.row(user).tolist() for user in range(3)] == [[1, 3, 5], [], [3, 5]]
