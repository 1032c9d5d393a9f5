"""The score mixes taste and prior by how much is known of the user."""

import numpy as np
import pytest

from ranking.ragged import offsets_of
from ranking.rank import Ranked, rank

ITEMS = np.array([10, 20], np.int32)


def ranked_by(personal: np.ndarray, share: np.ndarray, prior: np.ndarray, strength: int, size: int) -> Ranked:
    return rank(offsets_of([len(prior)]), personal, share, prior, np.array([strength]), size)


def scores(strength: int, personal: list[float], prior: list[float]) -> dict[int, float]:
    ranked = ranked_by(np.array(personal), np.ones(2), np.array(prior, np.float32), strength, 10)
    places = ranked.places.tolist()
    return {int(ITEMS[place]): float(ranked.scores[place]) for place in places}


def test_a_new_user_gets_the_prior() -> None:
    assert scores(0, [3.0, 1.0], [0.25, 0.75]) == {20: 0.75, 10: 0.25}


def test_every_liked_item_moves_the_score_from_the_prior_to_the_interests() -> None:
    interests = [scores(liked, [3.0, 0.0], [0.0, 1.0])[10] for liked in range(6)]
    assert interests == pytest.approx([0.0, 4 / 9, 12 / 17, 24 / 29, 40 / 45, 60 / 65])


def test_how_much_the_prior_counts_is_by_user() -> None:
    offsets, two = offsets_of([2, 2]), np.array([2, 2])
    personal, prior = np.array([1.0, 0.0] * 2), np.array([0.0, 1.0] * 2, np.float32)
    ranked = rank(offsets, personal, np.ones(4), prior, two, 2, np.array([0.01, 24.0]))
    assert ranked.places.tolist() == [0, 1, 3, 2]
    assert ranked.scores.tolist() == pytest.approx([12 / 12.01, 0.01 / 12.01, 12 / 36, 24 / 36])


def test_a_long_history_decides() -> None:
    mixed = scores(95, [4.0, 2.0], [0.0, 1.0])
    assert mixed[10] == pytest.approx(18240 / 18245)
    assert mixed[20] == pytest.approx(9125 / 18245)


def test_what_the_ranker_says_is_as_personal_as_its_evidence() -> None:
    ranked = ranked_by(np.array([1.0, 1.0]), np.array([1.0, 0.25]), np.zeros(2, np.float32), 5, 10)
    assert ranked.personal_share.tolist() == [1.0, 0.25]


def test_a_history_that_touches_nothing_leaves_the_prior() -> None:
    assert scores(50, [0.0, 0.0], [0.5, 0.25]) == {10: 0.5, 20: 0.25}


def test_only_the_best_are_kept_best_first() -> None:
    prior = np.random.default_rng(5).random(1000).astype(np.float32)
    ranked = ranked_by(np.zeros(1000), np.ones(1000), prior, 0, 7)
    assert ranked.places.tolist() == np.argsort(-prior)[:7].tolist()
