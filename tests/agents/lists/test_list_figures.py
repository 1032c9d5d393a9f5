"""Coverage and diversity of the lists of a process."""

import numpy as np

from agents.lists.list_figures import SAMPLE_EVERY, TOP, ListFigures
from ranking.ragged import Ragged
from streams.contract.catalog import CatalogItem
from streams.contract.units import DAY_MS
from tables.item_model import ItemModel

NOW_MS = 20_000 * DAY_MS


def _model(items: int) -> ItemModel:
    model = ItemModel()
    for number in range(items):
        model.apply_catalog(f"i{number}", CatalogItem(item_id=f"i{number}", genres=(f"g{number % 4}",)))
    return model


def _lists(*rows: list[int]) -> Ragged:
    return Ragged.of([np.array(row, np.int32) for row in rows])


def test_the_first_twenty_items_of_each_list_are_covered_for_thirty_days() -> None:
    figures = ListFigures(_model(100))
    assert figures.covered(NOW_MS) == (0, 100)
    figures.note(_lists(list(range(TOP + 10)), [50, 51]), NOW_MS)
    assert figures.covered(NOW_MS) == (TOP + 2, 100)
    assert figures.covered(NOW_MS + 29 * DAY_MS) == (TOP + 2, 100)
    assert figures.covered(NOW_MS + 30 * DAY_MS) == (0, 100)


def test_items_that_come_later_are_counted_and_withdrawn_ones_are_not() -> None:
    model = _model(3)
    figures = ListFigures(model)
    figures.note(_lists([0, 1]), NOW_MS)
    model.apply_catalog("later", CatalogItem(item_id="later"))
    model.apply_catalog("i0", None)
    assert figures.covered(NOW_MS) == (1, 3)
    figures.note(_lists([model.index("later")]), NOW_MS)
    assert figures.covered(NOW_MS) == (2, 3)


def test_diversity_is_the_share_of_distinct_categories_in_one_list_of_some() -> None:
    figures = ListFigures(_model(100))
    figures.note(_lists([0, 4, 8, 1]), NOW_MS)  # three of one category, one of another
    assert (figures.sampled, figures.distinct) == (1, 0.5)
    for _ in range(SAMPLE_EVERY - 1):
        figures.note(_lists([0, 4]), NOW_MS)
    assert figures.sampled == 1
    figures.note(_lists([0, 1]), NOW_MS)
    assert (figures.sampled, figures.distinct) == (2, 1.5)
