"""The ranker's scores and how much of a taste an item covers, beside their formulas in plain Python."""

import math
from dataclasses import replace

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import NOW_MS, SmallWorld

from ranking import features
from ranking.context_features import ContextFeatures
from ranking.interests import Histories, Interests
from ranking.ragged import Ragged, offsets_of
from ranking.ranker import BUCKETS, TASK_WEIGHTS, TASKS, Ranker
from streams.contract.catalog import CatalogItem

SOME_FEATURES = st.lists(
    st.lists(st.floats(0, 1, width=32), min_size=features.COUNT, max_size=features.COUNT), max_size=4
)
SOME_WEIGHTS = st.lists(st.floats(-40, 40), min_size=features.COUNT, max_size=features.COUNT)


@settings(deadline=None)
@given(SOME_FEATURES, SOME_WEIGHTS, SOME_WEIGHTS, st.integers(0, BUCKETS - 1))
def test_scores_and_what_is_personal_in_them_are_their_formulas(
    rows: list[list[float]], use: list[float], like: list[float], bucket: int
) -> None:
    start = Ranker.start()
    weights = start.weights.copy()
    weights[bucket] = [use, like]
    matrix = np.array(rows, np.float32).reshape(-1, features.COUNT)
    columns = np.ascontiguousarray(matrix.T)
    offsets, buckets = offsets_of([0, len(rows)]), np.array([0, bucket])
    scores, personal = replace(start, weights=weights).predict(offsets, columns, buckets)
    assert scores.shape == personal.shape == (len(rows),)
    assert np.isfinite(scores).all()
    for row, score, share in zip(rows, scores.tolist(), personal.tolist(), strict=True):
        logits = [sum(w * f for w, f in zip(of, row, strict=True)) + start.intercepts[bucket, 0] for of in (use, like)]
        chances = [1 / (1 + math.exp(-logit)) if logit > -700 else 0.0 for logit in logits]
        assert score == pytest.approx(sum(w * p for w, p in zip(TASK_WEIGHTS, chances, strict=True)), abs=1e-9)
        mean = [TASK_WEIGHTS[0] * u + TASK_WEIGHTS[1] * v for u, v in zip(use, like, strict=True)]
        own = max(0.0, sum(w * f for w, f, mine in zip(mean, row, features.PERSONAL, strict=True) if mine))
        shared = max(0.0, sum(w * f for w, f, mine in zip(mean, row, features.PERSONAL, strict=True) if not mine))
        assert 0 <= share <= 1
        if own + shared > 1e-6:
            assert share == pytest.approx(own / (own + shared), abs=1e-6)


def test_every_task_has_its_weights() -> None:
    assert len(TASK_WEIGHTS) == len(TASKS) == 2


@settings(deadline=None, max_examples=50)
@given(
    st.lists(st.sets(st.integers(0, 140), max_size=6), min_size=1, max_size=8),
    st.dictionaries(st.integers(0, 140), st.floats(0, 1, width=32), max_size=12),
)
def test_an_item_covers_the_shares_of_its_genres(genres: list[set[int]], shares: dict[int, float]) -> None:
    world = SmallWorld()
    nothing = Histories.of([(None, None)], world.model)
    world.lists(CatalogItem("all", genres=tuple(f"g{number}" for number in range(141))))
    world.lists(*(CatalogItem(f"i{n}", genres=tuple(f"g{number}" for number in of)) for n, of in enumerate(genres)))
    context_features = ContextFeatures.of(
        [(None, None)], Interests.of([(None, None)], nothing, world.model), world.model, NOW_MS
    )
    for number, share in shares.items():
        context_features.genres[0, number] = share
    indices = np.array([world.model.index(f"i{n}") for n in range(len(genres))], np.int32)
    covered = context_features.genre_shares(Ragged.of([indices]), world.model)
    assert covered.tolist() == pytest.approx([sum(shares.get(number, 0.0) for number in of) for of in genres], abs=1e-5)
