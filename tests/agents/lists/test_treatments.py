"""Each user's list is ranked as their variants say, and names them."""

from types import SimpleNamespace
from typing import Any

import numpy as np
import pytest
from listed_by_model import listed
from made_up_experiments import everybody, running, treated
from small_world import NOW_MS, SmallWorld

from agents.lists.list_maker import ListMaker
from agents.lists.treatments import Treatments, traits_of
from ranking.candidates import Generator
from ranking.decision import Decisions
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from ranking.settings import RankingSettings
from serving.experiments import ExperimentBook
from serving.keys import Keys
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType, Interaction
from streams.contract.experiments import RankingOverrides
from streams.contract.units import HOUR_MS

KEYS = Keys("t", "v1")
USERS = [f"u{number}" for number in range(12)]
SIZE = 4


@pytest.fixture(scope="module")
def world() -> SmallWorld:
    """Twelve users, twenty items of four genres, some of them popular."""
    world = SmallWorld()
    world.lists(*(CatalogItem(f"i{n}", genres=(f"g{n % 4}",), maturity="all") for n in range(20)))
    for number, user in enumerate(USERS):
        world.sends(user, [f"i{n}" for n in range(number % 3, 6 + number % 5)])
    world.publish()
    return world


def lists_of(world: SmallWorld, book: ExperimentBook | None) -> dict[str, dict[str, Any]]:
    follower: Any = SimpleNamespace(model=world.model, ranker=Ranker.start(), catalogue_version=0)
    maker = ListMaker(follower, KEYS, "v1", SIZE, 1_000, RerankSettings.off(), book)
    made = maker.values_of([(world.user(user), None) for user in USERS], 0, NOW_MS)
    return {user: listed(values.values[0][1], world.model) for user, values in zip(USERS, made, strict=True)}


def items(of: dict[str, Any]) -> list[str]:
    return [entry["item_id"] for entry in of["recommendations"]]


@pytest.mark.parametrize(
    "overrides",
    [
        RankingOverrides(category_max=1),
        RankingOverrides(generators_off=("popular", "trending", "trending_in_segment", "explore")),
        RankingOverrides(weights={"popularity": 10.0, "co_occurrence": 0.0}),
    ],
)
def test_every_user_of_a_batch_gets_the_list_of_their_variant(world: SmallWorld, overrides: RankingOverrides) -> None:
    book = ExperimentBook([running(variants=treated(overrides))])
    before, found = lists_of(world, None), lists_of(world, book)
    all_treated = lists_of(world, ExperimentBook([running(variants=everybody(overrides))]))
    changed = 0
    for user in USERS:
        variant = book.untargeted(user).variant
        assert (found[user]["experiment_id"], found[user]["variant"]) == ("a", variant)
        wanted = before if variant == "control" else all_treated
        assert items(found[user]) == items(wanted[user])
        changed += items(all_treated[user]) != items(before[user])
    assert changed or overrides.generators_off, "the override changes something"  # a small catalogue is listed whole


def test_a_list_without_experiment_names_none(world: SmallWorld) -> None:
    assert all("experiment_id" not in listed and "variant" not in listed for listed in lists_of(world, None).values())


def test_a_generator_that_is_off_names_nothing(world: SmallWorld) -> None:
    asked = [(world.user(user), None) for user in USERS]
    for generator in Generator:
        decisions = Decisions.of(asked, world.model, Ranker.start(), NOW_MS, SIZE, generator)
        assert not (decisions.generators & int(generator)).any()
        others = Decisions.of(asked, world.model, Ranker.start(), NOW_MS, SIZE).generators
        assert (decisions.generators != 0).any(), "the others name what they did"
        assert np.bitwise_or.reduce(decisions.generators) == np.bitwise_or.reduce(others) & (0xFF ^ int(generator))


def test_factors_weigh_features_and_are_made_once() -> None:
    ranker, settings = Ranker.start(), RankingSettings(factors=(("popularity", 0.0),))
    treatments = Treatments(ExperimentBook(), RankingSettings())
    weighed = treatments.ranker(settings, ranker)
    assert treatments.ranker(settings, ranker) is weighed
    assert treatments.ranker(RankingSettings(), ranker) is ranker
    matrix = np.zeros((15, 1), np.float32)
    matrix[8] = 1.0  # popularity
    none = np.zeros((15, 1), np.float32)
    offsets, buckets = np.array([0, 1]), np.array([1])
    assert weighed.predict(offsets, matrix, buckets)[0] == ranker.predict(offsets, none, buckets)[0]
    assert weighed.predict(offsets, matrix, buckets)[0] != ranker.predict(offsets, matrix, buckets)[0]


def test_what_targeting_asks_of_a_user() -> None:
    world = SmallWorld()
    world.folds(Interaction("x", EventType.CLICK, "me", "a", NOW_MS, country="NL", device_type="tv"))
    world.folds(Interaction("y", EventType.CLICK, "me", "b", NOW_MS + HOUR_MS, country="DE", device_type="phone"))
    user, hour = world.user("me"), NOW_MS // HOUR_MS * HOUR_MS
    assert traits_of((user, None)) == ("DE", "phone", hour)
    assert traits_of((user, UserProfile("me", country="FR", created_at_ms=5))) == ("DE", "phone", 5)
    assert traits_of((None, UserProfile("me", country="FR"))) == ("FR", "", None)
    assert traits_of((None, None)) == ("", "", None)
