"""The first 20 are good and unlike each other."""

from dataclasses import replace

import numpy as np
import pytest
from ranked_pools import falling, listed, pool_of

from ranking.rerank.settings import RerankSettings

ONLY_MMR = replace(RerankSettings.off(), mmr_lambda=0.7)


def greedy(genres: list[str], scores: np.ndarray, weight: float, count: int) -> list[int]:
    """The definition, one item after the other."""
    relevance = (scores - scores.min()) / (scores.max() - scores.min())

    def likeness(first: str, second: str) -> float:
        return len({*first} & {*second}) / (len({*first}) * len({*second})) ** 0.5

    chosen = [0]
    while len(chosen) < count:
        left = [number for number in range(len(genres)) if number not in chosen]
        worth = [
            weight * relevance[item] - (1 - weight) * max(likeness(genres[item], genres[other]) for other in chosen)
            for item in left
        ]
        chosen.append(left[int(np.argmax(worth))])
    return chosen


@pytest.mark.parametrize("seed", range(8))
def test_it_is_the_greedy_choice_by_its_definition(seed: int) -> None:
    random = np.random.default_rng(seed)
    genres = ["".join(random.choice([*"abcdefg"], size=random.integers(1, 4), replace=False)) for _ in range(50)]
    scores = np.sort(random.random(50))[::-1].astype(np.float32)
    pool = pool_of(genres, size=20)
    assert listed(pool, ONLY_MMR, scores).places.tolist() == greedy(genres, scores, 0.7, 20)


def test_how_far_scores_lie_apart_does_not_matter() -> None:
    pool = pool_of(["ab", "ab", "a", "b", "c"] * 12, size=20)
    close = listed(pool, ONLY_MMR, falling(60, 0.5001, 0.5))
    apart = listed(pool, ONLY_MMR, falling(60, 1.0, 0.0))
    assert close.places.tolist() == apart.places.tolist() != list(range(20))


def test_what_has_no_genres_is_like_nothing() -> None:
    assert listed(pool_of([""] * 30, size=20), ONLY_MMR).places.tolist() == list(range(20))


def test_what_was_not_ranked_does_not_compete() -> None:
    pool = pool_of(["a"] * 25 + ["b"] * 5, size=20, unranked=5)
    assert max(listed(pool, ONLY_MMR).places.tolist()) < 25
