"""Who has met everything: what they used themselves, the longest ago first, and nothing that they refused."""

import pytest
from small_world import NOW_MS, SmallWorld

from ranking.pipeline import listed_items, recommend
from ranking.ranker import Ranker
from ranking.recommendations import Recommendations
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType
from streams.contract.units import MINUTE_MS

ALL = "abcdef"


@pytest.fixture
def world() -> SmallWorld:
    world = SmallWorld()
    for number in range(3):
        world.sends(f"u{number}", ALL)
    for place, item in enumerate("dbface"):
        world.sends("me", [item], at_ms=NOW_MS + place * MINUTE_MS)
    world.publish()
    return world


def listed_for(world: SmallWorld, profile: UserProfile | None = None, size: int = 10) -> Recommendations:
    listed = recommend(world.user("me"), profile, world.model, Ranker.start(), NOW_MS, size)
    bare = listed_items(world.user("me"), profile, world.model, Ranker.start(), NOW_MS, size)
    assert bare.tolist() == listed.item_index.tolist()
    return listed


def ids(world: SmallWorld, listed: Recommendations) -> str:
    return "".join(world.model.ids[index] for index in listed.item_index)


def test_the_longest_ago_comes_first_and_says_what_it_is(world: SmallWorld) -> None:
    listed = listed_for(world)
    assert ids(world, listed) == "dbface"
    assert set(listed.reason_code) == {"seen_again"}
    assert set(listed.reason) == {"Watch again"}
    assert listed.source == "personal"
    scores = listed.score.tolist()
    assert scores == sorted(scores, reverse=True)
    assert 0 < scores[-1] < scores[0] <= 1
    assert ids(world, listed_for(world, size=2)) == "db"


def test_what_they_refused_is_not_offered_again(world: SmallWorld) -> None:
    for item, kind in (("b", EventType.HIDE), ("f", EventType.DISLIKE), ("a", EventType.SKIP)):
        world.sends("me", [item], kind, NOW_MS + 60 * MINUTE_MS)
    assert ids(world, listed_for(world)) == "dce"


def test_nor_what_they_may_not_see(world: SmallWorld) -> None:
    world.lists(CatalogItem("d", maturity="18"), CatalogItem("b", genres=("War",)))
    profile = UserProfile("me", kids=True, disliked_genres=("War",))
    assert set(ids(world, listed_for(world, profile))).isdisjoint("db")


def test_one_item_that_is_new_to_them_is_listed_alone(world: SmallWorld) -> None:
    world.lists(CatalogItem("new"))
    listed = listed_for(world)
    assert ids(world, listed) == "new"
    assert "seen_again" not in listed.reason_code


def test_who_refused_everything_has_an_empty_list_of_their_own(world: SmallWorld) -> None:
    world.sends("me", ALL, EventType.HIDE, NOW_MS + 60 * MINUTE_MS)
    listed = listed_for(world)
    assert len(listed) == 0
    assert listed.source == "personal"
