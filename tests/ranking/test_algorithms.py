"""Which generator an item owes its place to."""

import numpy as np
from small_world import NOW_MS, SmallWorld

from ranking import features
from ranking.algorithms import CODE, algorithms_of
from ranking.decision import Decisions
from ranking.pipeline import recommend
from ranking.ragged import Ragged
from ranking.ranker import Ranker
from streams.contract.served import ALGORITHMS, Algorithm


def test_what_adds_most_to_the_score_is_named(world: SmallWorld) -> None:
    user = world.user("abc0")
    decisions = Decisions.of([(user, None)], world.model, Ranker.start(), NOW_MS, 10)
    count = len(decisions.items.values)
    matrix = np.zeros((features.COUNT, count), np.float32)
    names = ("sequential", "trend_24h", "popularity", "embedding")
    for place, name in enumerate(names[:count]):
        matrix[features.NAMES.index(name), place] = 1.0
    weights = np.ones((4, 2, features.COUNT))
    ranker = Ranker(weights, np.zeros((4, 2)))
    told = Decisions(*[matrix if name == "matrix" else getattr(decisions, name) for name in Decisions.__slots__])
    places = np.arange(count)
    codes = algorithms_of(Ragged(np.array([0, count]), decisions.items.values), places, places == 0, told, ranker)
    wanted = [Algorithm.EXPLORE, Algorithm.TRENDING, Algorithm.POPULAR, Algorithm.EMBEDDING][:count]
    assert [ALGORITHMS[code] for code in codes[: len(wanted)]] == wanted
    assert set(codes[len(wanted) :].tolist()) <= {CODE[Algorithm.POPULAR]}, "of what nothing speaks for, popular"


def test_every_item_of_a_list_names_one(world: SmallWorld) -> None:
    listed = recommend(world.user("abc0"), None, world.model, Ranker.start(), NOW_MS, 10)
    assert len(listed.algorithms) == len(listed)
    assert set(listed.algorithms) <= set(Algorithm)
