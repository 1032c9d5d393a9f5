"""What items learn of each other, beside plain loops over dictionaries."""

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from tables.kernels.pairs import add_pairs

ROWS, SHARDS, SLOTS = 3, 2, 3
Shard = dict[int, float]  # weight by neighbour, in order of places

pairs = st.tuples(st.integers(-1, ROWS - 1), st.integers(0, 15), st.sampled_from([0.0, 0.25, 0.5, 1.0, 2.0, 3.0]))


def added(shard: Shard, batch: list[tuple[int, float]]) -> Shard:
    """A shard after a batch of (neighbour, weight)."""
    old, new = dict(shard), dict[int, float]()
    for other, weight in batch:
        if other in old:
            old[other] += weight
    place = list(old)
    for other, weight in [pair for pair in batch if pair[0] not in shard]:
        if other in new:
            new[other] += weight
            continue
        if len(place) < SLOTS:
            place.append(other)
            new[other] = weight
            continue
        rivals = old or {known: found for known, found in new.items() if found < weight}
        if rivals:
            weakest = min((known for known in place if known in rivals), key=lambda known: rivals[known])
            (old if old else new).pop(weakest)
            place[place.index(weakest)] = other
            new[other] = weight
    return {known: (old | new)[known] for known in place}


@settings(deadline=None, max_examples=300)
@given(st.lists(st.lists(pairs, max_size=40), max_size=4))
def test_rows_hold_what_plain_loops_say(batches: list[list[tuple[int, int, float]]]) -> None:
    named, weights = np.full((ROWS, SHARDS * SLOTS), -1, np.int32), np.zeros((ROWS, SHARDS * SLOTS), np.float32)
    keys = np.arange(16, dtype=np.uint64) + np.uint64(2**63)
    expected: dict[tuple[int, int], Shard] = {(row, shard): {} for row in range(ROWS) for shard in range(SHARDS)}
    for batch in batches:
        columns = [list(column) for column in zip(*batch, strict=True)] or [[], [], []]
        rows, others = (np.array(column, np.int32) for column in columns[:2])
        add_pairs(named, weights, SHARDS, keys, rows, others, np.array(columns[2], np.float32))
        for row, shard in expected:
            mine = [(other, weight) for at, other, weight in batch if (at, other % SHARDS) == (row, shard) and weight]
            expected[row, shard] = added(expected[row, shard], mine)
    for (row, shard), held in expected.items():
        places = slice(shard * SLOTS, shard * SLOTS + len(held))
        assert named[row, places].tolist() == list(held)
        assert weights[row, places].tolist() == list(held.values())
        assert not weights[row, shard * SLOTS + len(held) : (shard + 1) * SLOTS].any()


def test_a_type_that_the_kernel_is_not_compiled_for_is_an_error() -> None:
    ints = np.zeros(1, np.int64)
    with pytest.raises(TypeError, match="No matching definition"):
        add_pairs(ints, ints, 1, ints, ints, ints, ints)  # type: ignore[arg-type]
