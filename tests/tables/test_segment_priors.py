"""What a place likes is known of every item that the model knows, whenever it was asked before."""

from small_world import NOW_MS, SmallWorld

from streams.contract.catalog import CatalogItem


def test_a_place_that_was_asked_about_before_the_first_item_answers_for_all_that_came_since() -> None:
    world = SmallWorld()
    world.model.refresh_priors(NOW_MS)
    assert len(world.model.segment_priors("DE", NOW_MS).prior) == 0
    for number in range(300):
        world.model.apply_catalog(f"i{number}", CatalogItem(f"i{number}"))  # and priors are not computed again yet
    place = world.model.segment_priors("DE", NOW_MS)
    assert len(place.prior) == len(place.trend_24h) == len(world.model.norm)
