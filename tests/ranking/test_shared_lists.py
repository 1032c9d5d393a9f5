"""Lists for everybody: popular, trending by country and window, similar items."""

from small_world import NOW_MS, SmallWorld

from ranking.shared_lists import popular, similar, trending
from streams.contract.catalog import CatalogItem
from streams.contract.units import DAY_MS, HOUR_MS


def test_popular_lists_what_most_use(world: SmallWorld) -> None:
    for number in range(5):
        world.sends(f"more {number}", ["y"])
    world.publish()
    listed = popular(world.model, NOW_MS, 2)
    assert world.model.ids[listed.item_index[0]] == "y"
    assert listed.score[0] == 1.0
    assert len(listed) == 2


def test_trending_forgets_what_is_outside_the_window(world: SmallWorld) -> None:
    later_ms = NOW_MS + 2 * DAY_MS
    world.sends("later", ["fresh"], at_ms=later_ms)
    world.publish(later_ms)
    of_day = trending(world.model, None, 24, later_ms, 10)
    assert [world.model.ids[index] for index in of_day.item_index] == ["fresh"]
    of_week = trending(world.model, None, 7 * 24, later_ms, 10)
    assert len(of_week) == 6
    assert of_week.reason_code[0] == "trending"


def test_trending_decays_by_half_in_twelve_hours(world: SmallWorld) -> None:
    later_ms = NOW_MS + 12 * HOUR_MS
    for number in range(5):
        world.sends(f"later {number}", ["fresh"], at_ms=later_ms)
    world.publish(later_ms)
    listed = trending(world.model, None, 24, later_ms, 10)
    assert listed.score.tolist() == [1.0] * 6  # 5 now weigh as much as 10 twelve hours ago


def test_trending_in_a_country_counts_that_country_only(world: SmallWorld) -> None:
    assert len(trending(world.model, "NL", 24, NOW_MS, 10)) == 0


def test_similar_items_exclude_the_item_and_what_is_withdrawn(world: SmallWorld) -> None:
    world.lists(CatalogItem("a", title="Alien"))
    listed = similar(world.model, world.model.index("a"), NOW_MS, 10)
    assert {world.model.ids[index] for index in listed.item_index} == {"b", "c"}
    assert listed.reason[0] == "Similar to Alien"
    world.model.apply_catalog("b", None)
    listed = similar(world.model, world.model.index("a"), NOW_MS, 10)
    assert [world.model.ids[index] for index in listed.item_index] == ["c"]
