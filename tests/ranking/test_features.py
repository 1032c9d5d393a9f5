"""What the features say that no list shows directly."""

import numpy as np
from small_world import NOW_MS, SmallWorld

from ranking import features
from ranking.context_features import ContextFeatures
from ranking.generator_scores import GeneratorScores
from ranking.interests import Asked, Histories, Interests
from ranking.ragged import Ragged

EMBEDDING, LONG_TERM = features.NAMES.index("embedding"), features.NAMES.index("embedding_long_term")


def test_who_used_much_in_this_session_is_told_of_new_items_by_their_long_term_interest(world: SmallWorld) -> None:
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
    asked: list[Asked] = [(user, None)]
    histories = Histories.of(asked, model)
    interests = Interests.of(asked, histories, model)
    context_features, generator_scores = (
        ContextFeatures.of(asked, interests, model, NOW_MS),
        GeneratorScores.of(interests, histories, model),
    )
    items = np.array([new, old], np.int32)
    matrix = features.matrix(Ragged.of([items]), generator_scores, context_features, model).T
    assert matrix[0, LONG_TERM] == matrix[1, LONG_TERM]
    assert matrix[0, EMBEDDING] == matrix[0, LONG_TERM], "nobody has used it"
    share = features.newness(items, model)[1]
    own = np.float32((1 - share) * (vectors[old] @ generator_scores.embeddings[0, 0]))
    assert np.isclose(matrix[1, EMBEDDING], own + share * matrix[1, LONG_TERM])
    assert 0 < share < 0.5
