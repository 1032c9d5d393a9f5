"""The score mixes taste and prior by how much is known of the user."""

import numpy as np
import pytest

from ranking.rank import rank

ITEMS = np.array([10, 20], np.int32)


def scores(strength: int, personal: list[float], prior: list[float]) -> dict[int, float]:
    ranked = rank(ITEMS, np.array(personal), np.array(prior, np.float32), strength, 10)
    return dict(zip(ranked.items.tolist(), ranked.scores.tolist(), strict=True))


def test_a_new_user_gets_the_prior() -> None:
    assert scores(0, [3.0, 1.0], [0.25, 0.75]) == {20: 0.75, 10: 0.25}


def test_five_liked_items_weigh_as_much_as_the_prior() -> None:
    assert scores(5, [3.0, 0.0], [0.0, 1.0]) == {10: 0.5, 20: 0.5}


def test_a_long_history_decides() -> None:
    mixed = scores(95, [4.0, 2.0], [0.0, 1.0])
    assert mixed[10] == pytest.approx(0.95)
    assert mixed[20] == pytest.approx(0.525)


def test_a_history_that_touches_nothing_leaves_the_prior() -> None:
    assert scores(50, [0.0, 0.0], [0.5, 0.25]) == {10: 0.5, 20: 0.25}


def test_only_the_best_are_kept_best_first() -> None:
    items = np.arange(1000, dtype=np.int32)
    prior = np.random.default_rng(5).random(1000).astype(np.float32)
    ranked = rank(items, np.zeros(1000), prior, 0, 7)
    assert ranked.items.tolist() == np.argsort(-prior)[:7].tolist()
