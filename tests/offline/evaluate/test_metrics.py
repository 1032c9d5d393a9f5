"""Figures against ones worked out by hand."""

import numpy as np
import pytest

from offline.evaluate import metrics
from offline.evaluate.intervals import interval

RANKS = np.array([0, 1, 9, 10, 100], np.int16)


def test_ranks() -> None:
    assert metrics.hits(RANKS, 10).tolist() == [1, 1, 1, 0, 0]
    assert metrics.gains(RANKS, 10).tolist() == pytest.approx([1, 1 / np.log2(3), 1 / np.log2(11), 0, 0])
    assert metrics.reciprocals(RANKS).tolist() == pytest.approx([1, 1 / 2, 1 / 10, 1 / 11, 0])
    assert metrics.mean(np.zeros(0)) is None


def test_coverage_is_of_the_top() -> None:
    lists = np.array([[0, 1, 2], [1, 0, -1]], np.int32)
    assert metrics.coverage(lists, 5, k=2) == 0.4
    assert metrics.coverage(lists, 5, k=3) == 0.6


def test_genres() -> None:
    flags = metrics.genre_flags([("Drama",), ("Drama", "War"), (), ("Comedy",)])
    assert flags.tolist() == [[0, 1, 0], [0, 1, 1], [0, 0, 0], [1, 0, 0]]
    assert metrics.genre_diversity(np.array([[0, 1, -1]]), flags) == 0.5
    assert metrics.genre_diversity(np.array([[0, 3, -1], [2, -1, -1]]), flags) == 1.0
    assert metrics.share_with_genres(np.array([[0, 1, 3], [0, 1, -1]]), flags) == 0.5
    assert metrics.genre_diversity(np.array([[0]]), np.zeros((1, 0), np.bool_)) is None


def test_an_interval_resamples_users_and_not_events() -> None:
    rng = np.random.default_rng(5)
    by_user = rng.normal(size=40)
    users = np.repeat(np.arange(40, dtype=np.int32), 50)
    low, high = interval(np.repeat(by_user, 50), users, seed=1) or (0.0, 0.0)
    half = 1.96 * by_user.std() / np.sqrt(40)
    assert (high - low) / 2 == pytest.approx(half, rel=0.15)
    assert low < by_user.mean() < high


def test_an_interval_is_seeded_and_needs_two_users() -> None:
    values, users = np.array([0.0, 1.0, 1.0, 0.0]), np.array([1, 1, 2, 3], np.int32)
    assert interval(values, users, seed=1) == interval(values, users, seed=1)
    assert interval(values[:2], users[:2], seed=1) is None
    assert interval(values[:0], users[:0], seed=1) is None
