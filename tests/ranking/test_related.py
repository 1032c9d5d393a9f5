"""What goes with an item: what people use with it, and what is like it while they are few."""

import numpy as np
import pytest
from small_world import NOW_MS, SmallWorld

from ranking.related import KEPT_MS, RelatedCache, related
from ranking.shared_lists import new_releases, popular_of_genre, similar
from streams.contract.catalog import CatalogItem
from streams.contract.units import DAY_MS


def names(world: SmallWorld, indices: np.ndarray) -> list[str]:
    return [world.model.ids[index] for index in indices]


def best(world: SmallWorld, item_id: str) -> list[str]:
    return names(world, related(world.model.index(item_id), world.model).best(10))


@pytest.fixture
def library() -> SmallWorld:
    world = SmallWorld()
    world.lists(
        CatalogItem("alien", title="Alien", genres=("Horror", "Science Fiction"), director="Ridley Scott"),
        CatalogItem("aliens", title="Aliens", genres=("Action", "Science Fiction")),
        CatalogItem("prometheus", title="Prometheus", genres=("Science Fiction",), director="ridley scott"),
        CatalogItem("alien 3", title="The Alien Returns", genres=("Horror", "Science Fiction")),
        CatalogItem("cheers", title="Cheers", genres=("Comedy",)),
    )
    world.publish()
    return world


def test_an_item_nobody_met_goes_with_what_is_like_it(library: SmallWorld) -> None:
    assert best(library, "alien") == ["prometheus", "alien 3", "aliens"]
    assert best(library, "cheers") == []


def test_an_item_people_met_often_goes_with_what_they_met_with_it(library: SmallWorld) -> None:
    for number in range(40):
        library.sends(f"u{number}", ["cheers", "alien"])
    library.publish()
    assert best(library, "alien")[0] == "cheers"
    assert best(library, "cheers") == ["alien"]


def test_few_visits_count_in_proportion(library: SmallWorld) -> None:
    library.sends("u", ["cheers", "alien"])
    library.publish()
    scores = related(library.model.index("alien"), library.model).scores
    visits = 1
    assert scores[library.model.index("cheers")] == pytest.approx(visits / (visits + 5), rel=1e-4)
    assert scores[library.model.index("prometheus")] == pytest.approx(5 / (visits + 5), rel=1e-4)


def test_what_the_catalogue_took_back_is_like_nothing(library: SmallWorld) -> None:
    library.model.apply_catalog("alien 3", None)
    listed = similar(library.model, library.model.index("alien"), NOW_MS)
    assert names(library, listed.item_index) == ["prometheus", "aliens"]
    assert listed.score[0] == 1.0


def test_new_releases_are_30_days_old_at_most_and_open_to_the_country() -> None:
    world = SmallWorld()
    world.lists(
        CatalogItem("today", released_at_ms=NOW_MS),
        CatalogItem("last week", released_at_ms=NOW_MS - 8 * DAY_MS),
        CatalogItem("German", released_at_ms=NOW_MS - DAY_MS, regions=("DE",)),
        CatalogItem("old", released_at_ms=NOW_MS - 30 * DAY_MS),
        CatalogItem("tomorrow", released_at_ms=NOW_MS + DAY_MS),
        CatalogItem("undated"),
    )
    world.publish()
    everywhere = new_releases(world.model, None, NOW_MS)
    assert names(world, everywhere.item_index) == ["today", "last week"]
    assert everywhere.reason == ["New this week", "New this month"]
    assert names(world, new_releases(world.model, "DE", NOW_MS).item_index) == ["today", "German", "last week"]


def test_popular_of_a_genre(library: SmallWorld) -> None:
    library.sends("u", ["aliens"])
    library.sends("v", ["cheers", "aliens"])
    library.publish()
    listed = popular_of_genre(library.model, "Science Fiction", NOW_MS, 2)
    assert names(library, listed.item_index)[0] == "aliens"
    assert listed.reason == ["Popular in Science Fiction"] * 2


def test_what_goes_with_an_item_is_found_once_and_again_when_the_item_the_catalogue_or_the_time_says_so() -> None:
    world = SmallWorld()
    world.sends("u", ["a", "b"])
    world.sends("v", ["a", "b"])
    world.publish()
    kept, anchor = RelatedCache(world.model), world.model.index("a")

    def nearest(now_ms: int = NOW_MS) -> list[str]:
        items = kept.nearest(anchor, now_ms).items
        assert kept.nearest(anchor, now_ms).items is items
        return names(world, items)

    assert nearest() == ["b"]
    world.sends("w", ["b", "c"])  # says nothing of a
    world.publish()
    before = kept.nearest(anchor, NOW_MS)
    assert kept.nearest(anchor, NOW_MS + KEPT_MS - 1) is before
    assert kept.nearest(anchor, NOW_MS + KEPT_MS) is not before
    world.sends("x", ["c", "a"])
    world.publish()
    assert nearest() == ["b", "c"]
    world.lists(CatalogItem("a", genres=("Drama",)), CatalogItem("new", genres=("Drama",)))
    assert "new" in nearest()


def test_what_is_kept_is_what_would_be_found(library: SmallWorld) -> None:
    library.sends("u", ["cheers", "alien", "aliens"])
    library.publish()
    kept = RelatedCache(library.model)
    for index in range(len(library.model)):
        found, nearest = related(index, library.model), kept.nearest(index, NOW_MS)
        assert nearest.items.tolist() == found.best(100).tolist()
        assert nearest.scores.tolist() == found.scores[nearest.items].tolist()
