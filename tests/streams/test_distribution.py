"""Histograms count the same however many values come at once."""

import numpy as np
import pytest

from streams.metrics import FEW, FRESHNESS_BOUNDS_S, Distribution


@pytest.mark.parametrize("count", [0, 1, FEW - 1, FEW, 500])
def test_many_at_once_count_like_one_by_one(count: int) -> None:
    values = np.random.default_rng(count).exponential(1.0, count)
    values[: count // 3] = FRESHNESS_BOUNDS_S[5]  # on a bound
    at_once, singly = Distribution(FRESHNESS_BOUNDS_S), Distribution(FRESHNESS_BOUNDS_S)
    at_once.observe_all(values)
    for value in values.tolist():
        singly.observe(value)
    assert at_once.counts == singly.counts
    assert sum(singly.counts) == count
    assert at_once.total == pytest.approx(singly.total)
    assert singly.cumulated()[-1] == ("+Inf", count)
