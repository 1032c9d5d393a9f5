"""The pipeline lists what it should, in order, with honest scores and reasons."""

from itertools import pairwise

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from small_world import NOW_MS, SmallWorld

from ranking import pipeline
from ranking.interests import Asked
from ranking.pipeline import at_once, listed_items, recommend, recommend_all
from ranking.ranker import Ranker
from ranking.recommendations import Recommendations
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType
from streams.contract.units import DAY_MS
from tables.user import User


def ids(world: SmallWorld, listed: Recommendations) -> list[str]:
    return [world.model.ids[index] for index in listed.item_index]


def listed_for(world: SmallWorld, user_id: str, profile: UserProfile | None = None, size: int = 10) -> Recommendations:
    return recommend(world.user(user_id), profile, world.model, Ranker.start(), NOW_MS, size)


def test_an_unknown_user_gets_what_is_popular(world: SmallWorld) -> None:
    listed = recommend(None, None, world.model, Ranker.start(), NOW_MS, 3)
    assert listed.source == "popular"
    assert len(listed) == 3
    assert set(listed.reason_code) <= {"popular", "trending"}


def test_interests_win_over_popularity_and_say_why(world: SmallWorld) -> None:
    world.sends("me", ["a"])
    world.lists(CatalogItem("a", title="Alien"))
    listed = listed_for(world, "me")
    assert listed.source == "personal"
    assert ids(world, listed)[:2] == ["b", "c"]
    assert listed.reason_code[0] in {"because_you_watched", "popular", "trending"}
    world.sends("me", ["never heard of", "b"])
    listed = listed_for(world, "me")
    assert ids(world, listed)[0] == "c"


def test_a_list_without_reasons_has_the_same_items(world: SmallWorld) -> None:
    world.sends("me", ["a", "x", "u1"])
    for user in (None, world.user("me")):
        listed = recommend(user, None, world.model, Ranker.start(), NOW_MS, 7)
        bare = listed_items(user, None, world.model, Ranker.start(), NOW_MS, 7)
        assert bare.tolist() == listed.item_index.tolist()


def test_a_list_is_the_same_whoever_else_is_in_the_batch(world: SmallWorld) -> None:
    world.lists(CatalogItem("a", title="Alien", genres=("Drama",), regions=("DE",)), CatalogItem("b", genres=("War",)))
    for number in range(12):
        world.sends(f"m{number}", "abcxy"[: number % 6], EventType.LIKE if number % 2 else EventType.VIEW)
    world.publish()
    asked: list[Asked] = [(None, None), (None, UserProfile("new", seed_items=("a",), kids=True))]
    asked += [(world.user(name), UserProfile(name, country="DE")) for name in world.users.users()]
    asked += [(world.user("m4"), UserProfile("m4", disliked_genres=("War",))), (User.new("nobody", 9), None)]
    for size in (2, 30):
        together = list(recommend_all(asked, world.model, Ranker.start(), NOW_MS, size))
        for one, listed in zip(asked, together, strict=True):
            alone = recommend(*one, world.model, Ranker.start(), NOW_MS, size)
            assert listed.item_index.tolist() == alone.item_index.tolist()
            assert listed.score.tolist() == alone.score.tolist()
            assert (listed.reason, listed.source, listed.dropped) == (alone.reason, alone.source, alone.dropped)
            assert listed.user_embedding.tolist() == alone.user_embedding.tolist()


def test_batches_are_small_where_the_catalogue_is_large(world: SmallWorld, monkeypatch: pytest.MonkeyPatch) -> None:
    asked: list[Asked] = [(world.user(name), None) for name in world.users.users()]
    whole = [listed.item_index.tolist() for listed in recommend_all(asked, world.model, Ranker.start(), NOW_MS, 5)]
    monkeypatch.setattr(pipeline, "MOST_CELLS", 3 * len(world.model))
    assert {len(batch) for batch in at_once(asked, world.model)} <= {3, len(asked) % 3}
    some = [listed.item_index.tolist() for listed in recommend_all(asked, world.model, Ranker.start(), NOW_MS, 5)]
    assert some == whole


def test_the_reason_names_the_item_behind_it(world: SmallWorld) -> None:
    world.lists(CatalogItem("x", title="Xanadu"))
    world.sends("me", ["u1", "u2", "u3", "u4", "u5", "u6"])  # enough own taste to weigh more than the prior
    world.sends("me", ["x"], EventType.LIKE)
    listed = listed_for(world, "me")
    place = ids(world, listed).index("y")
    assert listed.reason_code[place] == "because_you_watched"
    assert listed.reason[place] == "Because you liked Xanadu"
    assert world.model.ids[listed.reason_item[place]] == "x"


def test_a_refused_item_is_no_reason(world: SmallWorld) -> None:
    world.sends("me", ["u1", "u2", "u3", "u4", "u5"])
    world.publish()
    world.sends("me", ["a"], EventType.DISLIKE)
    world.sends("me", ["x"])
    listed = listed_for(world, "me")
    sources = {world.model.ids[index] for index in listed.reason_item if index >= 0}
    assert sources == {"x"}


def test_a_score_that_is_mostly_the_prior_does_not_claim_to_be_personal(world: SmallWorld) -> None:
    world.sends("me", ["a"])  # one event against a prior that weighs five
    listed = listed_for(world, "me")
    assert "because_you_watched" not in listed.reason_code
    assert set(listed.reason_item) == {-1}


def test_the_first_item_of_the_model_gets_its_true_reason(world: SmallWorld) -> None:
    assert world.model.ids[0] == "a"
    world.sends("me", [f"u{number}" for number in range(12)] + ["b"])  # a long history: its score is mostly personal
    world.publish()
    listed = listed_for(world, "me")
    assert listed.reason[ids(world, listed).index("a")] == "Because you viewed b"


def test_what_was_forgotten_may_be_listed_again(world: SmallWorld) -> None:
    world.sends("me", [f"old {number}" for number in range(63)] + ["a"])
    assert "a" not in ids(world, listed_for(world, "me"))
    world.sends("me", ["x"], at_ms=NOW_MS + 100 * DAY_MS)
    assert "a" in ids(world, listed_for(world, "me"))


def test_what_was_met_is_never_listed(world: SmallWorld) -> None:
    world.sends("me", ["a", "b"])
    listed = listed_for(world, "me")
    assert not {"a", "b"} & set(ids(world, listed))
    assert listed.dropped["seen"] == 2


@pytest.mark.parametrize("kind", [EventType.HIDE, EventType.DISLIKE, EventType.SKIP])
def test_what_was_refused_neither_counts_as_interest_nor_is_listed(world: SmallWorld, kind: EventType) -> None:
    world.sends("me", ["a"], kind)
    listed = listed_for(world, "me")
    assert "a" not in ids(world, listed)
    assert listed.source == "popular"


def test_an_item_met_before_the_model_knew_it_is_not_listed_later(world: SmallWorld) -> None:
    world.sends("me", ["brand new"])
    listed_for(world, "me")
    world.sends("other", ["brand new"])
    world.publish()
    assert "brand new" not in ids(world, listed_for(world, "me"))


def test_withdrawn_items_are_not_listed(world: SmallWorld) -> None:
    world.model.apply_catalog("c", None)
    world.sends("me", ["a"])
    listed = listed_for(world, "me")
    assert "c" not in ids(world, listed)
    assert listed.dropped["unavailable"] == 1


@pytest.mark.parametrize(
    "item",
    [
        CatalogItem("b", regions=("DE",)),
        CatalogItem("b", available_from_ms=NOW_MS + 1),
        CatalogItem("b", available_until_ms=NOW_MS),
        CatalogItem("b", maturity="16"),
        CatalogItem("b", genres=("Horror",)),
    ],
)
def test_what_the_user_could_not_use_is_not_listed(world: SmallWorld, item: CatalogItem) -> None:
    world.lists(item)
    world.sends("me", ["a"])
    profile = UserProfile("me", country="NL", maturity_max="12", disliked_genres=("Horror",))
    assert "b" not in ids(world, listed_for(world, "me", profile))
    welcome = UserProfile("me", country="DE", maturity_max="18")
    unbounded = item.available_from_ms is None and item.available_until_ms is None
    assert ("b" in ids(world, listed_for(world, "me", welcome))) == unbounded


def test_where_the_user_is_counts_before_where_they_live(world: SmallWorld) -> None:
    world.lists(CatalogItem("b", regions=("DE",)))
    world.sends("me", ["a"])
    world.user("me").row.country = "NL"
    assert "b" not in ids(world, listed_for(world, "me", UserProfile("me", country="DE")))


def test_children_see_only_what_is_for_children(world: SmallWorld) -> None:
    world.lists(CatalogItem("b", maturity="12"), CatalogItem("c", maturity="7"))
    world.sends("me", ["a"])
    listed = ids(world, listed_for(world, "me", UserProfile("me", kids=True)))
    assert "b" not in listed
    assert "c" in listed


def test_items_picked_while_onboarding_make_a_first_list(world: SmallWorld) -> None:
    listed = recommend(None, UserProfile("me", seed_items=("x",)), world.model, Ranker.start(), NOW_MS, 10)
    assert listed.source == "personal"
    assert listed.item_index[0] == world.model.index("y")


def test_a_catalogue_without_events_is_listed_newest_first() -> None:
    world = SmallWorld()
    world.lists(CatalogItem("old", released_at_ms=NOW_MS - 900 * DAY_MS), CatalogItem("new", released_at_ms=NOW_MS))
    world.publish()
    listed = recommend(None, None, world.model, Ranker.start(), NOW_MS, 5)
    assert ids(world, listed) == ["new", "old"]
    assert listed.reason_code == ["new", "popular"]


def test_an_empty_world_gives_an_empty_list() -> None:
    world = SmallWorld()
    assert len(recommend(None, None, world.model, Ranker.start(), NOW_MS, 5)) == 0
    world.sends("me", ["a"])
    assert len(listed_for(world, "me")) == 0


@settings(deadline=None, max_examples=60)
@given(
    st.lists(st.tuples(st.sampled_from("uvw"), st.lists(st.integers(0, 30), max_size=12)), max_size=12),
    st.integers(1, 20),
)
def test_every_list_is_ordered_unique_and_free_of_what_was_met(
    sessions: list[tuple[str, list[int]]], size: int
) -> None:
    world = SmallWorld()
    for user_id, items in sessions:
        world.sends(user_id, [f"i{item}" for item in items])
        world.publish()
    for user_id in world.users.users():
        listed = listed_for(world, user_id, size=size)
        names = ids(world, listed)
        assert len(set(names)) == len(names) <= size
        unmet = len(set(world.model.ids) - world.user(user_id).seen.hours.keys())
        if unmet:
            assert not set(names) & set(world.user(user_id).seen.hours)
        else:
            assert set(listed.reason_code) == {"seen_again"}
        scores = listed.score.tolist()
        assert all(0.0 <= score <= 1.0 for score in scores)
        assert all(first >= second for first, second in pairwise(scores))
        assert len(listed.reason) == len(listed.reason_code) == len(listed.reason_item) == len(names)
        assert len(names) == min(size, unmet or len(world.model.ids)), (
            "a list is only short when nothing is left to list"
        )
