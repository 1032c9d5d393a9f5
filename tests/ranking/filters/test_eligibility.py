"""What may never be listed: each rule keeps and drops what it says, and says what it dropped."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking.filters.disliked_genre import CLEAR_MARGIN
from ranking.filters.eligibility import RULES, allowed
from ranking.filters.request_context import RequestContexts
from ranking.pipeline import recommend
from ranking.ragged import Ragged
from ranking.ranker import Ranker
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType
from streams.contract.unreadable import ANY_GENRE


def dropped_by(world: SmallWorld, profile: UserProfile | None = None, user_id: str | None = None) -> dict[str, str]:
    """Item id to the rule that dropped it."""
    contexts = RequestContexts.alone((world.user(user_id) if user_id else None, profile), world.model, NOW_MS)
    items = Ragged.of([np.arange(len(world.model), dtype=np.int32)])
    said = allowed(items, contexts, world.model)
    assert (said.keep == (said.dropped_by < 0)).all()
    assert said.counts(items).sum() == (~said.keep).sum()
    return {world.model.ids[item]: RULES[rule].__name__ for item, rule in enumerate(said.dropped_by) if rule >= 0}


@pytest.fixture
def catalogue() -> SmallWorld:
    """A catalogue without events."""
    world = SmallWorld()
    world.lists(
        CatalogItem("plain", maturity="all"),
        CatalogItem("later", maturity="all", available_from_ms=NOW_MS + 1),
        CatalogItem("over", maturity="all", available_until_ms=NOW_MS),
        CatalogItem("german", maturity="all", regions=("DE", "AT")),
        CatalogItem("subtitled", maturity="all", language="ja", attributes={"languages": ["ja", "EN", "de-AT"]}),
        CatalogItem("odd", maturity="all", attributes={"languages": 5}),
        CatalogItem("old people", maturity="18"),
        CatalogItem("unrated"),
        CatalogItem("children", maturity="7"),
        CatalogItem("horror", maturity="all", genres=("Comedy", "Horror")),
    )
    return world


def test_nobody_in_particular_sees_what_everybody_may_see(catalogue: SmallWorld) -> None:
    assert dropped_by(catalogue) == {
        "later": "unavailable",
        "over": "unavailable",
        "german": "region",
        "old people": "maturity",  # by default nobody sees what is for 18
    }


def test_what_was_withdrawn_is_dropped(catalogue: SmallWorld) -> None:
    catalogue.model.apply_catalog("plain", None)
    assert dropped_by(catalogue)["plain"] == "unavailable"


@pytest.mark.parametrize(("language", "understood"), [("de", True), ("en-GB", True), ("fr", False), (None, True)])
def test_what_is_not_available_in_the_users_language_is_dropped(
    catalogue: SmallWorld, language: str | None, understood: bool
) -> None:
    dropped = dropped_by(catalogue, UserProfile("me", language=language))
    assert ("subtitled" not in dropped) == understood
    assert ("odd" in dropped) == (language is not None)  # what cannot be read names a language that nobody speaks
    assert understood or dropped["subtitled"] == "language"


def test_the_language_of_the_last_event_counts_before_the_profiles(catalogue: SmallWorld) -> None:
    catalogue.sends("me", ["plain"])
    catalogue.user("me").row.language = "fr"
    assert dropped_by(catalogue, UserProfile("me", language="de"), "me")["subtitled"] == "language"


@pytest.mark.parametrize(
    ("profile", "too_mature"),
    [
        (None, {"old people"}),
        (UserProfile("me"), {"old people"}),
        (UserProfile("me", maturity_max="18"), set()),
        (UserProfile("me", maturity_max="16"), {"old people"}),
        (UserProfile("me", maturity_max="12"), {"old people", "unrated"}),
        (UserProfile("me", maturity_max="all"), {"old people", "unrated", "children"}),
        (UserProfile("me", kids=True), {"old people", "unrated"}),
        (UserProfile("me", kids=True, maturity_max="all"), {"old people", "unrated", "children"}),
    ],
)
def test_maturity_and_kids(catalogue: SmallWorld, profile: UserProfile | None, too_mature: set[str]) -> None:
    assert {item for item, rule in dropped_by(catalogue, profile).items() if rule == "maturity"} == too_mature


def test_the_default_is_a_setting(catalogue: SmallWorld) -> None:
    catalogue.model.default_maturity = "18"
    assert "maturity" not in dropped_by(catalogue).values()
    catalogue.model.default_maturity = "7"
    assert {item for item, rule in dropped_by(catalogue).items() if rule == "maturity"} == {"old people", "unrated"}


def test_an_unreadable_dislike_is_one_of_every_genre(catalogue: SmallWorld) -> None:
    profile = UserProfile("me", disliked_genres=(ANY_GENRE,))
    assert [item for item, rule in dropped_by(catalogue, profile).items() if rule == "disliked_genre"] == ["horror"]


def test_genres_that_the_profile_does_not_want(catalogue: SmallWorld) -> None:
    profile = UserProfile("me", disliked_genres=("Horror", "unheard of"))
    assert dropped_by(catalogue, profile)["horror"] == "disliked_genre"


@pytest.mark.parametrize("refused", [CLEAR_MARGIN - 1, CLEAR_MARGIN])
@pytest.mark.parametrize("kind", [EventType.DISLIKE, EventType.SKIP, EventType.HIDE])
def test_genres_that_were_clearly_refused(catalogue: SmallWorld, refused: int, kind: EventType) -> None:
    catalogue.lists(*(CatalogItem(f"h{number}", genres=("Horror",)) for number in range(9)))
    catalogue.sends("me", ["h8"])
    catalogue.sends("me", [f"h{number}" for number in range(refused + 1)], kind)
    dropped = dropped_by(catalogue, user_id="me")
    assert (dropped.get("horror") == "disliked_genre") == (refused == CLEAR_MARGIN)
    assert dropped["h0"] == "seen"


def test_who_skips_most_of_everything_refuses_no_genre(catalogue: SmallWorld) -> None:
    films = {genre: [f"{genre}{number}" for number in range(6)] for genre in ("Horror", "Drama")}
    catalogue.lists(*(CatalogItem(film, genres=(genre,)) for genre, shown in films.items() for film in shown))
    for shown in films.values():
        catalogue.sends("me", shown[:5], EventType.SKIP)
    assert "disliked_genre" not in dropped_by(catalogue, user_id="me").values()


def test_a_list_says_how_many_each_rule_dropped(catalogue: SmallWorld) -> None:
    catalogue.publish()
    listed = recommend(None, UserProfile("me", kids=True), catalogue.model, Ranker.start(), NOW_MS, 5)
    assert listed.dropped == {
        "seen": 0,
        "unavailable": 2,
        "region": 1,
        "language": 0,
        "maturity": 2,
        "disliked_genre": 0,
    }
    assert list(listed.dropped) == [rule.__name__ for rule in RULES]


def test_a_list_is_filled_from_the_whole_catalogue_when_the_rules_leave_little() -> None:
    world = SmallWorld()
    world.lists(*(CatalogItem(f"18-{number}", maturity="18") for number in range(300)))
    world.lists(*(CatalogItem(f"all-{number}", maturity="all") for number in range(30)))
    world.sends("somebody", [f"18-{number}" for number in range(300)])
    world.publish()
    listed = recommend(None, UserProfile("me", kids=True), world.model, Ranker.start(), NOW_MS, 10)
    assert len(listed) == 10
    assert all(world.model.ids[index].startswith("all") for index in listed.item_index)
