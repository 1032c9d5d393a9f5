"""A small catalogue's near items are the ones that the index finds."""

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import SmallWorld

from ranking import candidates
from ranking.candidates import Generator, Shared, gather
from ranking.evidence import Evidence
from ranking.taste import Taste
from tables.spectral import DIMENSIONS

NOBODY = np.zeros(0, np.int32)


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
    nothing = Evidence.of(Taste.of(None, None, world.model), world.model)
    evidence = Evidence(nothing.together, nothing.after, np.stack([asked, asked]))
    unmet = random.random(items) >= met_share

    flags = gather(evidence, unmet, Shared(NOBODY, NOBODY, NOBODY), world.model)

    rows, _ = world.model.vectors.index.search(asked, items)
    expected = rows[unmet[rows]][: candidates.VECTOR_SIZE]
    assert set(np.flatnonzero(flags == Generator.VECTOR).tolist()) == set(expected.tolist())
    assert not flags[~unmet].any()
