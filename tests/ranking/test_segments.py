"""What is used where somebody is reaches their own list, and not the lists of people elsewhere."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking import features
from ranking.candidates import Generator
from ranking.decision import Decisions
from ranking.pipeline import recommend
from ranking.ragged import Ragged
from ranking.ranker import Ranker
from ranking.recommendations import Recommendations
from streams.contract.catalog import UserProfile
from streams.contract.events import EventType, Interaction
from streams.contract.units import HOUR_MS
from tables.item_model import PLACE_KEPT_GROWTH, PLACE_KEPT_MS

SIZE = 10
ITEMS, AMERICANS = 60, 8
GERMANS = 6


def views(world: SmallWorld, user: str, items: list[str], country: str) -> None:
    for number, item in enumerate(items):
        event = Interaction(f"{user}-{number}", EventType.VIEW, user, item, NOW_MS - HOUR_MS + number, country=country)
        world.folds(event)


@pytest.fixture
def world() -> SmallWorld:
    """Sixty items that America watches, and twenty that only Germany does, less often than any of those."""
    world = SmallWorld()
    for number in range(AMERICANS):
        views(world, f"us{number}", [f"i{item}" for item in range(ITEMS)], "US")
    for number in range(GERMANS):
        views(world, f"de{number}", [f"d{item}" for item in range(20)], "DE")
    world.publish()
    return world


def decision(world: SmallWorld, user: str | None, profile: UserProfile | None = None) -> Decisions:
    known = None if user is None else world.user(user)
    return Decisions.of([(known, profile)], world.model, Ranker.start(), NOW_MS, SIZE)


def listed(world: SmallWorld, user: str | None, profile: UserProfile | None = None) -> Recommendations:
    known = None if user is None else world.user(user)
    return recommend(known, profile, world.model, Ranker.start(), NOW_MS, SIZE)


def german(world: SmallWorld, items: np.ndarray) -> list[str]:
    return [world.model.ids[item] for item in items.tolist() if world.model.ids[item].startswith("d")]


@pytest.mark.parametrize(("country", "found"), [("DE", True), ("AT", True), ("US", False), (None, False)])
def test_the_trend_of_the_place_names_candidates(world: SmallWorld, country: str | None, found: bool) -> None:
    made = decision(world, None, UserProfile("new", country=country))
    named = made.items.values[(made.generators & Generator.TRENDING_IN_SEGMENT) > 0]
    assert bool(german(world, named)) == found  # Austria has few events: it is given what Europe uses
    everywhere = made.items.values[(made.generators & Generator.TRENDING) > 0]
    assert not german(world, everywhere)


def test_who_is_new_in_a_place_sees_what_is_used_there(world: SmallWorld) -> None:
    segment_priors = listed(world, None, UserProfile("new", country="DE"))
    assert len(german(world, segment_priors.item_index)) >= SIZE // 2
    assert "Trending in DE" in segment_priors.reason
    for profile in (UserProfile("new", country="US"), UserProfile("new"), None):
        assert not german(world, listed(world, None, profile).item_index[: SIZE // 2])


def test_for_who_has_interests_it_stands_further_up(world: SmallWorld) -> None:
    places = {}
    for user, country in (("berliner", "DE"), ("newyorker", "US")):
        views(world, user, ["i1", "i2"], country)
        made = recommend(world.user(user), None, world.model, Ranker.start(), NOW_MS, ITEMS)
        ids = [world.model.ids[item] for item in made.item_index.tolist()]
        local = set(german(world, made.item_index))
        places[user] = np.mean([place for place, item in enumerate(ids) if item in local] or [len(ids)])
    assert places["berliner"] < places["newyorker"]


def test_the_trend_feature_is_half_that_of_the_place(world: SmallWorld) -> None:
    column = features.NAMES.index("trend_24h")
    for country, higher in (("DE", True), ("US", False)):
        made = decision(world, None, UserProfile("new", country=country))
        items = np.array([world.model.index("d3"), world.model.index("i3")], np.int32)
        local, global_ = features.matrix(Ragged.of([items]), made.generator_scores, made.context_features, world.model)[
            column
        ].tolist()
        assert (local > global_) == higher


def test_without_a_place_all_is_as_everywhere(world: SmallWorld) -> None:
    for country in (None, "", "ZZ"):
        segment_priors = world.model.segment_priors(country, NOW_MS)
        assert segment_priors.prior is world.model.priors.prior
        assert segment_priors.trend_24h is world.model.priors.trend_24h
        assert len(segment_priors.trending_order) == 0


def test_a_place_is_looked_at_again_after_a_minute_or_when_much_has_happened(world: SmallWorld) -> None:
    first = world.model.segment_priors("DE", NOW_MS)
    assert world.model.segment_priors("DE", NOW_MS + PLACE_KEPT_MS - 1) is first
    assert world.model.segment_priors("DE", NOW_MS + PLACE_KEPT_MS) is not first
    again = world.model.segment_priors("DE", NOW_MS)
    more = int(world.model.events.sum() * (PLACE_KEPT_GROWTH - 1)) + 5
    views(world, "busy", [f"d{item % 20}" for item in range(more)], "DE")
    world.publish()
    assert world.model.segment_priors("DE", NOW_MS) is not again


def test_a_place_with_few_events_counts_less(world: SmallWorld) -> None:
    views(world, "one", ["d1"], "BR")
    world.publish()
    index = world.model.index("d1")
    of_few, of_many = (world.model.segment_priors(country, NOW_MS).prior[index] for country in ("BR", "DE"))
    assert of_few < of_many
