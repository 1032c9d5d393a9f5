"""A small catalogue's near items are the ones that the index finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import SmallWorld

from ranking import candidates
from ranking.candidates import Generator, gather
from ranking.generator_scores import GeneratorScores
from ranking.interests import Histories, Interests
from ranking.ragged import NOTHING, Ragged
from tables.spectral import DIMENSIONS


@settings(deadline=None, max_examples=30)
@given(st.integers(1, 300), st.integers(0, 2**32 - 1), st.floats(0, 1))
def test_near_items_are_the_best_that_are_not_met(items: int, seed: int, met_share: float) -> None:
    random = np.random.default_rng(seed)
    world = SmallWorld()
    world.sends("somebody", [f"i{number}" for number in range(items)])
    world.publish()
    vectors = random.standard_normal((items, DIMENSIONS)).astype(np.float32)
    vectors[random.random(items) < 0.2] = 0  # nothing is known of these yet
    world.model.vectors.vectors[:items] = vectors
    world.model.vectors.index.put(np.arange(items, dtype=np.int32), vectors)
    asked = random.standard_normal(DIMENSIONS).astype(np.float32)
    strangers = [(None, None)] * 2
    histories = Histories.of(strangers, world.model)
    nothing = GeneratorScores.of(Interests.of(strangers, histories, world.model), histories, world.model)
    generator_scores = GeneratorScores(
        nothing.co_occurrence, nothing.sequential, np.stack([np.zeros_like([asked, asked]), [asked, asked]])
    )
    unmet = random.random(items) >= met_share

    met = Ragged.of([NOTHING, np.flatnonzero(~unmet).astype(np.int32)])
    found, generators = gather(generator_scores, met, [], Ragged.of([NOTHING, NOTHING]), world.model)

    rows, _ = world.model.vectors.index.search(asked, items)
    expected = rows[unmet[rows]][: candidates.EMBEDDING_SIZE]
    assert not len(found.row(0)), "somebody without a vector is near nothing"
    assert found.row(1).tolist() == sorted(expected.tolist())
    assert set(generators.tolist()) <= {Generator.EMBEDDING}
