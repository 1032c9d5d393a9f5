"""The user's own rows cite what they liked, and shared rows are only for those nobody has to check them for."""

import pytest
from small_world import NOW_MS, SmallWorld

from ranking.filters.request_context import RequestContexts
from ranking.genre_preferences import genre_preferences
from ranking.interests import Asked, Histories, Interests
from ranking.recommendations import because
from ranking.related import RelatedCache
from ranking.rows import MIN_ROW, AfterLast, Page, after_last, page_of
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType
from tables.recent_searches import SearchRow


def page(world: SmallWorld, user_id: str, profile: UserProfile | None = None) -> Page:
    user = world.user(user_id)
    contexts = RequestContexts.alone((user, profile), world.model, NOW_MS)
    (preferred,) = genre_preferences(Histories.of([(user, profile)], world.model), world.model)
    return page_of(contexts, 0, preferred.shares, world.model)


def row(world: SmallWorld, profile: UserProfile | None = None) -> AfterLast:
    user = world.user("me")
    asked: list[Asked] = [(user, profile)]
    histories = Histories.of(asked, world.model)
    interests, contexts = (
        Interests.of(asked, histories, world.model),
        RequestContexts.of(asked, histories, world.model, NOW_MS),
    )
    return after_last(interests, contexts, RelatedCache(world.model))


@pytest.fixture
def world() -> SmallWorld:
    """Ten people watch a to f in this order; x is only ever watched with y."""
    world = SmallWorld()
    for number in range(10):
        world.sends(f"abc{number}", "abcdef")
        world.sends(f"xy{number}", "xy")
    world.publish()
    return world


def names(world: SmallWorld, listed: AfterLast) -> list[str]:
    return [world.model.ids[index] for index in listed.items.values.tolist()]


def test_what_goes_with_the_item_liked_last(world: SmallWorld) -> None:
    world.lists(CatalogItem("a", title="Alien"))
    world.sends("me", ["x", "b"])
    world.sends("me", ["a"], EventType.LIKE)
    listed = row(world)
    assert set(names(world, listed)) == set("cdef")
    (anchor,), (code,) = listed.anchors.tolist(), listed.codes.tolist()
    assert because(code, world.model.title(anchor)) == "Because you liked Alien"
    assert listed.scores.tolist() == sorted(listed.scores.tolist(), reverse=True)


def test_an_item_with_little_to_go_with_it_gives_way_to_the_one_before(world: SmallWorld) -> None:
    assert MIN_ROW > 1
    world.sends("me", ["a", "x"])
    listed = row(world)
    assert [world.model.ids[index] for index in listed.anchors.tolist()] == ["a"]


def test_what_was_refused_is_followed_by_nothing(world: SmallWorld) -> None:
    world.sends("me", ["a"], EventType.DISLIKE)
    nothing = row(world)
    assert not names(world, nothing)
    assert nothing.anchors.tolist() == [-1]


def test_rules_hold_for_the_row_too(world: SmallWorld) -> None:
    world.lists(CatalogItem("b", maturity="18"))
    world.sends("me", ["a"])
    listed = row(world, UserProfile("me", kids=True))
    assert set(names(world, listed)) == set("cdef")


def test_a_row_is_not_named_after_what_its_viewer_may_not_see(world: SmallWorld) -> None:
    """Somebody else used the device before a child logged in, and was linked with the child as a guest."""
    world.lists(CatalogItem("a", title="Saw", maturity="18"), CatalogItem("b", title="Up", maturity="all"))
    world.sends("me", ["b", "a"])
    profiles = UserProfile("me", maturity_max="18"), UserProfile("me", maturity_max="18", kids=True)
    named = [row(world, profile).anchors.item() for profile in profiles]
    assert [world.model.title(anchor) for anchor in named] == ["Saw", "Up"]


def test_the_page_knows_the_favourite_genre_and_the_country(world: SmallWorld) -> None:
    world.lists(CatalogItem("a", genres=("Drama",)), CatalogItem("b", genres=("War",)))
    world.sends("me", ["b", "b", "a"])
    world.user("me").row.country = "DE"
    assert page(world, "me") == Page("Drama", "DE")
    assert page(world, "me", UserProfile("me", disliked_genres=("Drama",))) == Page("War", "DE")


def test_the_page_has_the_users_own_searches_the_newest_first(world: SmallWorld) -> None:
    world.sends("me", ["a"])
    world.user("me").row.behaviour.searches = [SearchRow("alien", 1), SearchRow("heat", 2)]
    assert page(world, "me").searches == (("heat", 2), ("alien", 1))
    nobody = RequestContexts.alone((None, None), world.model, NOW_MS)
    assert page_of(nobody, 0, {}, world.model) == Page("", "")


def test_the_profile_says_it_before_the_first_event(world: SmallWorld) -> None:
    world.sends("me", ["x"])
    world.lists(CatalogItem("a", genres=("Drama",)))
    profile = UserProfile("me", country="AT", favorite_genres=("unheard of", "Drama"))
    assert page(world, "me", profile) == Page("Drama", "AT")
