"""The user's own rows cite what they liked, and shared rows are only for those nobody has to check them for."""

import pytest
from small_world import NOW_MS, SmallWorld

from ranking.recommendations import Recommendations
from ranking.rows import MIN_ROW, Page, after_last, page_of
from ranking.rules.viewer import Viewer
from ranking.taste import Taste
from streams.catalog import CatalogItem, UserProfile
from streams.events import EventType
from tables.user_features import genre_preferences


def page(world: SmallWorld, user_id: str, profile: UserProfile | None = None) -> Page:
    user = world.user(user_id)
    viewer = Viewer.of(user, profile, world.model, NOW_MS)
    return page_of(viewer, genre_preferences(user, world.model), world.model)


def row(world: SmallWorld, profile: UserProfile | None = None) -> Recommendations:
    user = world.user("me")
    taste, viewer = Taste.of(user, profile, world.model), Viewer.of(user, profile, world.model, NOW_MS)
    return after_last(taste, viewer, world.model)


@pytest.fixture
def world() -> SmallWorld:
    """Ten people watch a to f in this order; x is only ever watched with y."""
    world = SmallWorld()
    for number in range(10):
        world.sends(f"abc{number}", "abcdef")
        world.sends(f"xy{number}", "xy")
    world.publish()
    return world


def names(world: SmallWorld, listed: object) -> list[str]:
    return [world.model.ids[index] for index in listed.item_index]  # type: ignore[attr-defined]


def test_what_goes_with_the_item_liked_last(world: SmallWorld) -> None:
    world.lists(CatalogItem("a", title="Alien"))
    world.sends("me", ["x", "b"])
    world.sends("me", ["a"], EventType.LIKE)
    listed = row(world)
    assert set(names(world, listed)) == set("cdef")
    assert set(listed.reason) == {"Because you liked Alien"}
    assert {world.model.ids[index] for index in listed.reason_item} == {"a"}
    assert listed.score.tolist() == sorted(listed.score.tolist(), reverse=True)
    assert listed.dropped["seen"] == 1


def test_an_item_with_little_to_go_with_it_gives_way_to_the_one_before(world: SmallWorld) -> None:
    assert MIN_ROW > 1
    world.sends("me", ["a", "x"])
    listed = row(world)
    assert {world.model.ids[index] for index in listed.reason_item} == {"a"}


def test_what_was_refused_is_followed_by_nothing(world: SmallWorld) -> None:
    world.sends("me", ["a"], EventType.DISLIKE)
    assert len(row(world)) == 0


def test_rules_hold_for_the_row_too(world: SmallWorld) -> None:
    world.lists(CatalogItem("b", maturity="18"))
    world.sends("me", ["a"])
    listed = row(world, UserProfile("me", kids=True))
    assert set(names(world, listed)) == set("cdef")


def test_the_page_knows_the_favourite_genre_and_the_country(world: SmallWorld) -> None:
    world.lists(CatalogItem("a", genres=("Drama",)), CatalogItem("b", genres=("War",)))
    world.sends("me", ["b", "b", "a"])
    world.user("me").row.country = "DE"
    assert page(world, "me") == Page("Drama", "DE", shared=True)
    assert page(world, "me", UserProfile("me", disliked_genres=("Drama",))) == Page("War", "DE", shared=False)


def test_the_profile_says_it_before_the_first_event(world: SmallWorld) -> None:
    world.sends("me", ["x"])
    world.lists(CatalogItem("a", genres=("Drama",)))
    profile = UserProfile("me", country="AT", favorite_genres=("unheard of", "Drama"))
    assert page(world, "me", profile) == Page("Drama", "AT", shared=True)


@pytest.mark.parametrize(
    "profile", [UserProfile("me", kids=True), UserProfile("me", maturity_max="16")], ids=["kids", "maturity"]
)
def test_shared_rows_are_not_for_those_who_may_not_see_everything(world: SmallWorld, profile: UserProfile) -> None:
    world.sends("me", ["x"])
    assert not page(world, "me", profile).shared
