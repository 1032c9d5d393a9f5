"""The ranker's step commits weights when a round ends, and a restart goes on from them."""

from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np

from agents.dead_letters import DeadLetters
from agents.epochs import Epochs, Points
from agents.ranker import RANKER_KEY, RankerStep
from agents.vector_fits import ROWS_PER_COMMIT, VectorFits
from ranking import features
from ranking.examples import Example, encode
from ranking.learner import ROUND, ranker_of
from tables.item_model import ItemModel


def record(seed: int) -> Any:
    matrix = np.random.default_rng(seed).random((9, features.COUNT)).astype(np.float32)
    return SimpleNamespace(value=encode(Example(3, True, matrix)))


async def test_weights_are_published_when_a_round_ends() -> None:
    rows: dict[bytes, bytes] = {}
    step = RankerStep(lambda: rows, DeadLetters("letters"))
    for seed in range(ROUND - 1):
        step.fold(record(seed))
    assert await step.effects(ROUND - 1, force=False) is None
    step.fold(record(ROUND))
    effects = await step.effects(ROUND, force=False)
    assert effects is not None
    [(key, value)] = effects.changes
    assert key == RANKER_KEY
    assert value is not None
    assert ranker_of(value).number == 1
    assert await step.effects(ROUND, force=False) is None, "once"

    rows[key] = value
    heir = RankerStep(lambda: rows, DeadLetters("letters"))
    heir.reset()
    for seed in range(ROUND):
        heir.fold(record(seed))
    effects = await heir.effects(2 * ROUND, force=False)
    assert effects is not None
    assert ranker_of(effects.changes[0][1] or b"").number == 2


def test_fitted_vectors_are_committed_some_at_a_time_and_each_once() -> None:
    fits = VectorFits(ItemModel(), lambda: {0}, Epochs(lambda _: None, 1, lambda: inf), Points(4.0, lambda: False))
    assert not fits
    fits._waiting = {b"e%d" % number: b"" for number in range(ROWS_PER_COMMIT + 3)}
    assert fits
    first, second = fits.take(), fits.take()
    assert (len(first), len(second)) == (ROWS_PER_COMMIT, 3)
    assert len(dict(first + second)) == ROWS_PER_COMMIT + 3
    assert not fits
