"""The ranker's step commits weights when a round ends, its position on time, and a restart goes on from them."""

from math import inf
from types import SimpleNamespace
from typing import Any

import numpy as np
from msgspec.structs import replace

from agents.dead_letters import DeadLetters
from agents.followers.model_watermark import ModelWatermark, RefitCheckpoints
from agents.training.ranker import COMMIT_S, ROUND_KEY, RankerStep
from agents.training.vector_fits import ROWS_PER_COMMIT, VectorFits
from ranking import features
from ranking.examples import Example, encode
from ranking.learner import RANKER_KEY, ROUND, ROUND_CODEC, ranker_of
from tables.item_model import ItemModel


def record(seed: int) -> Any:
    matrix = np.random.default_rng(seed).random((9, features.COUNT)).astype(np.float32)
    return SimpleNamespace(value=encode(Example(3, True, matrix)))


class Clock:
    """Seconds, moved by hand."""

    def __init__(self) -> None:
        self.now_s = 100.0

    def __call__(self) -> float:
        return self.now_s


def step_of(rows: dict[bytes, bytes], clock: Clock) -> RankerStep:
    step = RankerStep(rows, DeadLetters("letters"), clock)
    step.reset()
    return step


async def test_weights_are_published_when_a_round_ends() -> None:
    rows: dict[bytes, bytes] = {}
    clock = Clock()
    step = step_of(rows, clock)
    await step.effects(0, force=True)
    for seed in range(ROUND - 1):
        step.fold(record(seed))
    assert await step.effects(ROUND - 1, force=False) is None
    step.fold(record(ROUND))
    effects = await step.effects(ROUND, force=False)
    assert effects is not None
    assert [key for key, _ in effects.changes] == [RANKER_KEY]
    assert ranker_of(rows[RANKER_KEY]).number == 1
    assert await step.effects(ROUND, force=False) is None, "once"

    next_owner = step_of(rows, clock)
    for seed in range(ROUND):
        next_owner.fold(record(seed))
    assert await next_owner.effects(2 * ROUND, force=False) is not None
    assert ranker_of(rows[RANKER_KEY]).number == 2


async def test_few_examples_are_committed_on_time_and_nothing_of_their_round_is_lost() -> None:
    clock = Clock()
    undisturbed: dict[bytes, bytes] = {}
    rows: dict[bytes, bytes] = {}
    whole = step_of(undisturbed, clock)
    for seed in range(2 * ROUND + 30):
        whole.fold(record(seed))
        if (seed + 1) % ROUND == 0:
            await whole.effects(seed + 1, force=False)

    step, commits = step_of(rows, clock), 0
    for seed in range(2 * ROUND + 30):
        step.fold(record(seed))
        clock.now_s += 1.0
        effects = await step.effects(seed + 1, force=False)
        if effects is not None:
            commits += 1
            step = step_of(dict(rows), clock)  # whoever owns the partition next
            step._rows = rows
    assert commits > 2 * ROUND / (COMMIT_S + 1)
    assert rows[RANKER_KEY] == undisturbed[RANKER_KEY]
    await whole.effects(seed, force=True)
    await step.effects(seed, force=True)
    assert rows == undisturbed


async def test_a_quiet_round_is_written_once() -> None:
    rows: dict[bytes, bytes] = {}
    clock = Clock()
    step = step_of(rows, clock)
    step.fold(record(1))
    effects = await step.effects(1, force=False)
    assert effects is not None
    assert [key for key, _ in effects.changes] == [ROUND_KEY]
    clock.now_s += 2 * COMMIT_S
    effects = await step.effects(3, force=False)  # markers went by
    assert effects is not None
    assert effects.changes == []


async def test_a_round_of_other_features_is_given_up() -> None:
    rows: dict[bytes, bytes] = {}
    step = step_of(rows, Clock())
    step.fold(record(1))
    await step.effects(1, force=True)
    row = ROUND_CODEC.decode(rows[ROUND_KEY])
    rows[ROUND_KEY] = ROUND_CODEC.encode(replace(row, features=["former"]))
    next_owner = step_of(rows, Clock())
    await next_owner.effects(1, force=True)
    assert ROUND_KEY not in rows


def test_fitted_vectors_are_committed_some_at_a_time_and_each_once() -> None:
    fits = VectorFits(
        ItemModel(), lambda: {0}, ModelWatermark(lambda _: None, 1, lambda: inf), RefitCheckpoints(4.0, lambda: False)
    )
    assert not fits
    fits._waiting = {b"e%d" % number: b"" for number in range(ROWS_PER_COMMIT + 3)}
    assert fits
    first, second = fits.take(), fits.take()
    assert (len(first), len(second)) == (ROWS_PER_COMMIT, 3)
    assert len(dict(first + second)) == ROWS_PER_COMMIT + 3
    assert not fits
