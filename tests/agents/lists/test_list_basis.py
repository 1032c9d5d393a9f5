"""When a list is outdated: by what items have learned since about the user's own, and about all."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from agents.lists.list_basis import GROWTH_AT_ONCE, LATE_MS, LATER_MS, ListBasis, bases_of, events_of, is_outdated
from ranking.interests import Asked, Histories, Interests
from ranking.ranker import Ranker
from streams.contract.catalog import UserProfile
from streams.contract.units import DAY_MS
from tables.item_model import ItemModel

RANKER = Ranker.start()
NO_VECTOR = np.zeros(128, np.float32)


def interests_of(asked: Asked, model: ItemModel) -> Interests:
    return Interests.of([asked], Histories.of([asked], model), model)


def basis(world: SmallWorld, user_id: str = "reader", vector: np.ndarray = NO_VECTOR) -> ListBasis:
    interests = interests_of((world.user(user_id), None), world.model)
    return bases_of(interests, vector[None], world.model, RANKER)[0]


def outdated(world: SmallWorld, made: ListBasis, age_ms: int = 0, rounds: int = 0) -> bool:
    return is_outdated(made, age_ms, world.model, events_of(world.model), rounds)


def world_of(*visitors: str, items: str = "abc") -> SmallWorld:
    world = SmallWorld()
    for visitor in visitors:
        world.sends(visitor, items)
    world.publish()
    return world


def test_a_list_made_before_items_knew_anything_is_outdated_once_they_do() -> None:
    world = SmallWorld()
    world.sends("reader", "abc")
    made = basis(world)
    assert (made.recent.tolist(), made.unknown) == ([], ("c", "b", "a"))
    assert not outdated(world, made)
    world.publish()
    assert outdated(world, made)
    assert not outdated(world, basis(world))


def test_a_list_is_outdated_when_its_items_have_half_as_many_visits_again() -> None:
    world = world_of("reader", *(f"u{n}" for n in range(9)))
    made = basis(world)
    for number in range(4):
        world.sends(f"v{number}", "abc")
    world.publish()
    assert not outdated(world, made)
    for number in range(2):
        world.sends(f"w{number}", "abc")
    world.publish()
    assert outdated(world, made)


@pytest.mark.parametrize(
    ("age_ms", "younger_ms", "too_few", "more"), [(LATER_MS, LATER_MS // 2, 5, 2), (LATE_MS, LATER_MS, 1, 1)]
)
def test_when_it_is_older_a_fifth_is_enough_and_then_a_twentieth(
    age_ms: int, younger_ms: int, too_few: int, more: int
) -> None:
    world = world_of("reader", *(f"u{n}" for n in range(9)))
    made = basis(world)
    for number in range(too_few):
        world.sends(f"v{number}", "a")
    world.publish()
    assert not outdated(world, made, age_ms)
    for number in range(more):
        world.sends(f"w{number}", "a")
    world.publish()
    assert not outdated(world, made, younger_ms)
    assert outdated(world, made, age_ms)


def test_what_others_use_makes_it_outdated_only_when_it_is_much() -> None:
    world = world_of("reader", *(f"u{n}" for n in range(9)))
    made = basis(world)
    for number in range(5):
        world.sends(f"v{number}", "xyz")
    world.publish()
    assert not outdated(world, made, LATER_MS)
    world.sends("w", "xyz")
    world.publish()
    assert events_of(world.model) > GROWTH_AT_ONCE * made.events
    assert outdated(world, made)


def test_visits_that_fade_make_no_list_outdated() -> None:
    world = world_of("reader", *(f"u{n}" for n in range(9)))
    made = basis(world)
    for days in range(1, 60):
        world.model.refresh_priors(NOW_MS + days * DAY_MS)
        assert not outdated(world, made, days * DAY_MS)


def test_a_vector_where_there_was_none_makes_it_outdated() -> None:
    world = world_of("reader", "u")
    made = basis(world)
    world.model.vectors.vectors[world.model.index("a")] = 1.0
    assert outdated(world, made)
    assert not outdated(world, basis(world, vector=np.ones(128, np.float32)))


def test_a_ranker_that_learned_twice_as_long_makes_it_outdated() -> None:
    world = world_of("reader", "u")
    made = basis(world)._replace(ranker_number=100)
    assert not outdated(world, made, rounds=200)
    assert outdated(world, made, rounds=211)


def test_items_picked_while_onboarding_count_until_there_is_a_history() -> None:
    world = world_of("u")
    profile = UserProfile("new", seed_items=("a", "later"))
    interests = interests_of((None, profile), world.model)
    assert [world.model.ids[index] for index in interests.recent.values.tolist()] == ["a"]
    assert interests.unknown == [("later",)]
