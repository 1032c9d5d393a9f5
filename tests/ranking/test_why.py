"""`why` follows an item through the same stages as the list, whether it gets there or not."""

import pytest
from small_world import NOW_MS, SmallWorld

from ranking.pipeline import recommend
from ranking.ranker import Ranker
from ranking.rerank.settings import RerankSettings
from ranking.settings import RankingSettings
from ranking.why import why
from streams.contract.catalog import CatalogItem, UserProfile
from streams.contract.events import EventType

SIZE = 20
RULES = RerankSettings()


@pytest.fixture
def world() -> SmallWorld:
    """Sixty items of three genres, met by thirty people; `me` has met five of the first ten."""
    world = SmallWorld()
    world.lists(
        *(CatalogItem(f"i{n}", title=f"Item {n}", genres=(("Drama", "War", "Comedy")[n % 3],)) for n in range(60)),
        CatalogItem("adult", maturity="18"),
    )
    for number in range(30):
        world.sends(f"u{number}", [f"i{(number * 7 + step * step) % 60}" for step in range(12)])
        world.sends(f"u{number}", ["adult"])
    world.sends("me", ["i0", "i2", "i4"])
    world.sends("me", ["i6"], EventType.LIKE)
    world.sends("me", ["i8"], EventType.HIDE)
    world.publish()
    return world


def asked(world: SmallWorld, item_id: str, profile: UserProfile | None = None) -> dict[str, object]:
    return why(
        world.user("me"),
        profile,
        world.model,
        Ranker.start(),
        NOW_MS,
        world.model.index(item_id),
        SIZE,
        RankingSettings(RULES),
    )


@pytest.mark.parametrize("profile", [None, UserProfile("me", kids=True), UserProfile("me", disliked_genres=("War",))])
def test_it_agrees_with_the_list_about_every_item(world: SmallWorld, profile: UserProfile | None) -> None:
    listed = recommend(world.user("me"), profile, world.model, Ranker.start(), NOW_MS, SIZE, RULES)
    order = [world.model.ids[index] for index in listed.item_index]
    for item_id in world.model.ids:
        found = asked(world, item_id, profile)
        assert found["slot"] == (order.index(item_id) + 1 if item_id in order else None)
        moved = found["moved"]
        if found["slot"] is not None:
            assert isinstance(moved, list)
            assert moved[-1]["to"] == found["slot"]
            assert found["reason"] == listed.reason[order.index(item_id)]


def test_a_listed_item_says_where_its_score_comes_from(world: SmallWorld) -> None:
    listed = recommend(world.user("me"), None, world.model, Ranker.start(), NOW_MS, SIZE, RerankSettings.off())
    item = int(listed.item_index[0])
    off = RankingSettings(RerankSettings.off())
    found = why(world.user("me"), None, world.model, Ranker.start(), NOW_MS, item, SIZE, off)
    rank = found["rank"]
    weights = rank["weights"]
    mixed = weights["learned"] * rank["learned"] + weights["prior"] * rank["prior"]
    assert rank["score"] == pytest.approx(mixed / (weights["learned"] + weights["prior"]))
    assert rank["score"] == pytest.approx(float(listed.score[0]))
    assert rank["place"] == 1
    shares = [source["share"] for source in found["sources"]]
    assert sum(shares) == pytest.approx(1.0)
    assert shares == sorted(shares, reverse=True)
    assert {source["item_id"] for source in found["sources"]} <= {"i0", "i2", "i4", "i6"}


def test_an_item_that_was_met_says_so_and_how(world: SmallWorld) -> None:
    found = asked(world, "i8")
    assert found["verdict"] == "dropped by seen"
    assert found["refusal"] == {"event_type": "hide", "timestamp_ms": NOW_MS}
    assert found["moved"] == []


def test_every_rule_that_drops_it_is_named(world: SmallWorld) -> None:
    world.sends("me", ["adult"])
    assert asked(world, "adult", UserProfile("me", kids=True))["verdict"] == "dropped by seen, maturity"


def test_an_item_without_any_event_is_explained_as_well(world: SmallWorld) -> None:
    world.lists(*(CatalogItem(f"quiet {n}") for n in range(300)))
    world.model.refresh_priors(NOW_MS)
    verdicts = {asked(world, f"quiet {n}")["verdict"] for n in range(300)}
    assert "no generator named it" in verdicts
    assert any(str(verdict).startswith("on the list") for verdict in verdicts), "some are tried"
