"""What may never be listed: each rule keeps and drops what it says, and says what it dropped."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking.pipeline import recommend
from ranking.ranker import Ranker
from ranking.rules.disliked_genre import CLEAR_MARGIN
from ranking.rules.hard import RULES, allowed
from ranking.rules.viewer import Viewer
from streams.catalog import CatalogItem, UserProfile
from streams.events import EventType


def dropped_by(world: SmallWorld, profile: UserProfile | None = None, user_id: str | None = None) -> dict[str, str]:
    """Item id to the rule that dropped it."""
    viewer = Viewer.of(world.user(user_id) if user_id else None, profile, world.model, NOW_MS)
    kept, dropped = allowed(np.arange(len(world.model), dtype=np.int32), viewer, world.model)
    assert sorted([*kept.tolist(), *np.concatenate(list(dropped.values())).tolist()]) == list(range(len(world.model)))
    return {world.model.ids[index]: rule for rule, items in dropped.items() for index in items.tolist()}


@pytest.fixture
def shelf() -> SmallWorld:
    """A catalogue without events."""
    world = SmallWorld()
    world.lists(
        CatalogItem("plain"),
        CatalogItem("later", available_from_ms=NOW_MS + 1),
        CatalogItem("over", available_until_ms=NOW_MS),
        CatalogItem("german", regions=("DE", "AT")),
        CatalogItem("subtitled", language="ja", attributes={"languages": ["ja", "EN", "de-AT"]}),
        CatalogItem("odd", attributes={"languages": "ja"}),
        CatalogItem("old people", maturity="18"),
        CatalogItem("children", maturity="7"),
        CatalogItem("horror", genres=("Comedy", "Horror")),
    )
    return world


def test_nobody_in_particular_sees_what_everybody_may_see(shelf: SmallWorld) -> None:
    assert dropped_by(shelf) == {"later": "unavailable", "over": "unavailable", "german": "region"}


def test_what_was_withdrawn_is_dropped(shelf: SmallWorld) -> None:
    shelf.model.apply_catalog("plain", None)
    assert dropped_by(shelf)["plain"] == "unavailable"


@pytest.mark.parametrize(("language", "understood"), [("de", True), ("en-GB", True), ("fr", False), (None, True)])
def test_what_is_not_available_in_the_users_language_is_dropped(
    shelf: SmallWorld, language: str | None, understood: bool
) -> None:
    dropped = dropped_by(shelf, UserProfile("me", language=language))
    assert ("subtitled" not in dropped) == understood
    assert "odd" not in dropped
    assert understood or dropped["subtitled"] == "language"


def test_the_language_of_the_last_event_counts_before_the_profiles(shelf: SmallWorld) -> None:
    shelf.sends("me", ["plain"])
    shelf.user("me").row.language = "fr"
    assert dropped_by(shelf, UserProfile("me", language="de"), "me")["subtitled"] == "language"


@pytest.mark.parametrize(
    ("profile", "too_mature"),
    [
        (UserProfile("me"), set()),
        (UserProfile("me", maturity_max="16"), {"old people"}),
        (UserProfile("me", maturity_max="all"), {"old people", "children"}),
        (UserProfile("me", kids=True), {"old people"}),
        (UserProfile("me", kids=True, maturity_max="all"), {"old people", "children"}),
    ],
)
def test_maturity_and_kids(shelf: SmallWorld, profile: UserProfile, too_mature: set[str]) -> None:
    assert {item for item, rule in dropped_by(shelf, profile).items() if rule == "maturity"} == too_mature


def test_genres_that_the_profile_does_not_want(shelf: SmallWorld) -> None:
    profile = UserProfile("me", disliked_genres=("Horror", "unheard of"))
    assert dropped_by(shelf, profile)["horror"] == "disliked_genre"


@pytest.mark.parametrize("refused", [CLEAR_MARGIN - 1, CLEAR_MARGIN])
@pytest.mark.parametrize("kind", [EventType.DISLIKE, EventType.SKIP, EventType.HIDE])
def test_genres_that_were_clearly_refused(shelf: SmallWorld, refused: int, kind: EventType) -> None:
    shelf.lists(*(CatalogItem(f"h{number}", genres=("Horror",)) for number in range(9)))
    shelf.sends("me", ["h8"])
    shelf.sends("me", [f"h{number}" for number in range(refused + 1)], kind)
    dropped = dropped_by(shelf, user_id="me")
    assert (dropped.get("horror") == "disliked_genre") == (refused == CLEAR_MARGIN)
    assert dropped["h0"] == "seen"


def test_who_skips_most_of_everything_refuses_no_genre(shelf: SmallWorld) -> None:
    films = {genre: [f"{genre}{number}" for number in range(6)] for genre in ("Horror", "Drama")}
    shelf.lists(*(CatalogItem(film, genres=(genre,)) for genre, shown in films.items() for film in shown))
    for shown in films.values():
        shelf.sends("me", shown[:5], EventType.SKIP)
    assert "disliked_genre" not in dropped_by(shelf, user_id="me").values()


def test_a_list_says_how_many_each_rule_dropped(shelf: SmallWorld) -> None:
    shelf.publish()
    listed = recommend(None, UserProfile("me", kids=True), shelf.model, Ranker.start(), NOW_MS, 5)
    assert listed.dropped == {
        "seen": 0,
        "unavailable": 2,
        "region": 1,
        "language": 0,
        "maturity": 1,
        "disliked_genre": 0,
    }
    assert list(listed.dropped) == [rule.__name__ for rule in RULES]


def test_a_list_is_filled_from_the_whole_catalogue_when_the_rules_leave_little() -> None:
    world = SmallWorld()
    world.lists(*(CatalogItem(f"18-{number}", maturity="18") for number in range(300)))
    world.lists(*(CatalogItem(f"all-{number}") for number in range(30)))
    world.sends("somebody", [f"18-{number}" for number in range(300)])
    world.publish()
    listed = recommend(None, UserProfile("me", kids=True), world.model, Ranker.start(), NOW_MS, 10)
    assert len(listed) == 10
    assert all(world.model.ids[index].startswith("all") for index in listed.item_index)
