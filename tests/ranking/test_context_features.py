"""Night and weekend are those of the user's place, as far as it is known."""

from datetime import datetime
from zoneinfo import ZoneInfo

import numpy as np
import pytest
from small_world import SmallWorld

from ranking import features
from ranking.context_features import ContextFeatures
from ranking.generator_scores import GeneratorScores
from ranking.interests import Asked, Histories, Interests
from ranking.ragged import Ragged
from streams.contract.catalog import UserProfile
from tables.item_model import ItemModel

HERE = "Pacific/Auckland"


def interests_of(asked: list[Asked], model: ItemModel) -> Interests:
    return Interests.of(asked, Histories.of(asked, model), model)


def context_features(
    local: str, zone: str | None, lived_in: str = HERE, world: SmallWorld | None = None
) -> ContextFeatures:
    """At a local time of a place, for somebody whose profile names a `zone`."""
    at_ms = round(datetime.fromisoformat(local).replace(tzinfo=ZoneInfo(lived_in)).timestamp() * 1000)
    model = (world or SmallWorld()).model
    profile = None if zone is None else UserProfile("u", timezone=zone)
    asked: list[Asked] = [(None, profile)]
    return ContextFeatures.of(asked, interests_of(asked, model), model, at_ms)


@pytest.mark.parametrize(
    ("local", "night", "weekend"),
    [
        ("2026-01-02T21:59", False, False),  # Friday
        ("2026-01-02T22:00", True, False),
        ("2026-01-03T05:59", True, True),
        ("2026-01-03T06:00", False, True),
        ("2026-01-04T23:59", True, True),
        ("2026-01-05T00:00", True, False),
        ("2026-07-03T22:00", True, False),  # an hour earlier in UTC than in January
    ],
)
def test_they_are_those_of_the_profiles_zone(local: str, night: bool, weekend: bool) -> None:
    found = context_features(local, HERE)
    assert (found.is_night.tolist(), found.is_weekend.tolist()) == ([night], [weekend])


@pytest.mark.parametrize("zone", [None, "Middle-earth/Shire", "", "../../etc/passwd", "Europe"])
def test_without_a_zone_that_exists_they_are_those_of_utc(zone: str | None) -> None:
    for local, night, weekend in (("2026-01-02T23:00", True, False), ("2026-01-03T12:00", False, True)):
        found = context_features(local, zone, lived_in="UTC")
        assert (found.is_night.tolist(), found.is_weekend.tolist()) == ([night], [weekend])


def test_the_ranker_is_told_so() -> None:
    world = SmallWorld()
    world.sends("somebody", ["a", "b", "a"])
    world.publish()
    items = np.arange(len(world.model), dtype=np.int32)
    at = "2026-01-03T23:00"  # Saturday night there, Saturday noon in UTC
    for zone, night in ((HERE, True), (None, False)):
        histories = Histories.of([(None, None)], world.model)
        interests = Interests.of([(None, None)], histories, world.model)
        generator_scores = GeneratorScores.of(interests, histories, world.model)
        segment_priors = context_features(at, zone, world=world)
        matrix = features.matrix(Ragged.of([items]), generator_scores, segment_priors, world.model)
        column = matrix[features.NAMES.index("popularity_night")]
        assert column.any() == night
        assert matrix[features.NAMES.index("popularity_weekend")].any()
