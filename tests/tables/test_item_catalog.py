"""What the catalogue says, and what is right of items that it does not name."""

import numpy as np
from msgspec.structs import replace

from streams.contract.catalog import CatalogItem
from tables.item_catalog import ItemCatalog

NOW_MS = 1_700_000_000_000


def catalog_of(items: int) -> ItemCatalog:
    catalog = ItemCatalog()
    catalog.add(items)
    for number in range(items):
        catalog.name(number, f"i{number}")
    return catalog


def available(catalog: ItemCatalog) -> list[bool]:
    items = np.arange(len(catalog.titles))
    mask: list[bool] = catalog.available(items, NOW_MS).tolist()
    assert catalog.offered(items, NOW_MS).tolist() == mask
    assert (~catalog.hidden(NOW_MS)).tolist() == mask
    return mask


def test_without_a_catalogue_everything_is_available() -> None:
    catalog = catalog_of(3)
    assert available(catalog) == [True, True, True]
    catalog.put(1, None)  # a removal alone makes no catalogue
    assert available(catalog) == [True, False, True]


def test_an_item_that_nobody_named_is_not_available() -> None:
    catalog = catalog_of(2)
    catalog.add(4)
    assert available(catalog) == [True, True, False, False]
    catalog.name(3, "i3")
    assert available(catalog) == [True, True, False, True]


def test_where_there_is_a_catalogue_an_item_it_does_not_name_is_not_available() -> None:
    catalog = catalog_of(200)
    catalog.put(1, CatalogItem("i1"))
    assert np.flatnonzero(available(catalog)).tolist() == [1]
    catalog.add(201)
    catalog.name(200, "later")
    assert np.flatnonzero(available(catalog)).tolist() == [1]
    catalog.put(200, CatalogItem("later"))
    assert np.flatnonzero(available(catalog)).tolist() == [1, 200]


def test_an_item_is_listed_until_the_catalogue_takes_it_back_and_offered_in_its_time() -> None:
    catalog = catalog_of(6)
    catalog.put(0, CatalogItem("i0"))
    catalog.put(1, None)
    catalog.put(2, CatalogItem("i2", available_until_ms=NOW_MS))
    catalog.put(3, CatalogItem("i3", available_from_ms=NOW_MS + 1))
    catalog.put(4, CatalogItem("i4", available_from_ms=NOW_MS, available_until_ms=NOW_MS + 1))
    assert available(catalog) == [True, False, False, False, True, False]
    assert [catalog.is_listed(index) for index in range(6)] == [True, False, True, True, True, False]
    catalog.put(1, CatalogItem("i1"))
    assert catalog.is_listed(1)


def test_an_entry_is_another_with_whatever_lists_follow_from_and_not_with_a_title() -> None:
    catalog = catalog_of(1)
    plain = CatalogItem("i0", title="A", genres=("Drama",), maturity="12", duration_s=60.0)
    catalog.put(0, plain)
    before = catalog.entry(0)
    catalog.put(0, replace(plain, title="B", year=1999))
    assert catalog.entry(0) == before
    others: list[CatalogItem | None] = [
        replace(plain, genres=("War",)),
        replace(plain, maturity="16"),
        replace(plain, duration_s=61.0),
        replace(plain, language="de"),
        replace(plain, released_at_ms=NOW_MS),
        replace(plain, available_from_ms=NOW_MS),
        replace(plain, available_until_ms=NOW_MS),
        replace(plain, regions=("DE",)),
        replace(plain, attributes={"languages": ["de"]}),
        None,
    ]
    for other in others:
        catalog.put(0, other)
        assert catalog.entry(0) != before, other


def test_genres_follow_the_last_entry_of_an_item() -> None:
    catalog = catalog_of(3)
    catalog.put(0, CatalogItem("i0", genres=("Drama", "War")))
    catalog.put(1, CatalogItem("i1", genres=("War",)))
    assert catalog.largest_genres(5) == ["War", "Drama"]
    assert catalog.of_genre("War", 3).tolist() == [True, True, False]
    catalog.put(0, CatalogItem("i0", genres=("Comedy",)))
    catalog.put(1, None)
    assert catalog.of_genre("War", 3).tolist() == [False, False, False]
    assert catalog.largest_genres(5) == ["Comedy"]
