"""What the features say that no list shows directly."""

import numpy as np
from small_world import NOW_MS, SmallWorld

from ranking import features
from ranking.evidence import Evidence
from ranking.situation import Situation
from ranking.taste import Taste

VECTOR, LASTING = features.NAMES.index("vector"), features.NAMES.index("vector_lasting")


def test_who_has_used_much_this_evening_is_told_of_new_items_by_their_lasting_taste(world: SmallWorld) -> None:
    world.sends("other", ["new"])
    world.publish()
    world.sends("me", ["x", "y", "x", "y", "a"])
    model, user = world.model, world.user("me")
    vectors = np.eye(len(model), model.vectors.vectors.shape[1], dtype=np.float32)
    model.vectors.vectors[: len(model)] = vectors
    new, old, newest, before = (model.index(item) for item in ("new", "c", "a", "x"))
    vectors = model.vectors.vectors
    vectors[new] = vectors[old] = (vectors[newest] + vectors[before]) / np.sqrt(2)
    model.norm[new] = 5**-0.5
    taste = Taste.of(user, None, model)
    situation = Situation.of(user, None, taste, model, NOW_MS)
    items = np.array([new, old], np.int32)
    matrix = features.matrix(items, Evidence.of(taste, model), situation, model)
    assert matrix[0, LASTING] == matrix[1, LASTING]
    assert matrix[0, VECTOR] == matrix[0, LASTING], "nobody has used it"
    share = features.newness(items, model)[1]
    own = np.float32((1 - share) * (vectors[old] @ Evidence.of(taste, model).vector))
    assert np.isclose(matrix[1, VECTOR], own + share * matrix[1, LASTING])
    assert 0 < share < 0.5
