"""What the catalogue says about items, as columns by item index."""

import numpy as np
from numpy.typing import NDArray

from streams.catalog import CatalogItem, maturity_age
from tables.columns import grown
from tables.content import tokens
from tables.content_index import ContentIndex
from tables.genre_columns import GenreColumns

ALWAYS_FROM_MS = -(2**62)
ALWAYS_UNTIL_MS = 2**62
_GROW = 1.5

Indices = NDArray[np.integer]
Mask = NDArray[np.bool_]


class ItemCatalog:
    """Titles, genres and availability. An item that the catalogue withdrew is not recommendable.

    An item that only events have named is recommendable, under its id, as long as the catalogue has named no item at
    all: where there is no catalogue, everything is for everybody. Where there is one, it decides. A withdrawal leaves
    the compacted topic after a day, and a process that starts later must not bring the item back; nor may an item be
    shown of which nobody said yet for which age and in which countries.

    `released_at_ms` int64[capacity] (ALWAYS_FROM_MS = unknown), `maturity_age` int16[capacity] in years, `language`
    int16[capacity] by `language_ids` (-1 = unknown).
    """

    def __init__(self) -> None:
        self.titles: list[str] = []
        self.genres: list[tuple[int, ...]] = []
        self.tokens: list[tuple[int, ...]] = []
        self.genre_ids: dict[str, int] = {}
        self.genre_names: list[str] = []
        self._items_of_genre: list[set[int]] = []
        self.genre_columns = GenreColumns()
        self.content = ContentIndex()
        self.released_at_ms = np.zeros(0, np.int64)
        self.maturity_age = np.zeros(0, np.int16)
        self._in_use = False  # the catalogue has named an item
        self._named = np.zeros(0, np.bool_)
        self.language = np.zeros(0, np.int16)
        self.language_ids: dict[str, int] = {}
        self._plain = np.zeros(0, np.bool_)  # listed without any bound of time
        self._listed = np.zeros(0, np.bool_)
        self._from_ms = np.zeros(0, np.int64)
        self._until_ms = np.zeros(0, np.int64)
        self._bounded = np.zeros(0, np.bool_)  # to regions or languages
        self._regions: dict[int, frozenset[str]] = {}
        self._languages: dict[int, frozenset[str]] = {}

    def add(self, item_id: str) -> None:
        """Give the next index to an item that only its events have named so far."""
        index = len(self.titles)
        self.titles.append(item_id)
        self.genres.append(())
        self.tokens.append(())
        if index == len(self._listed):
            self._grow(int(index * _GROW) + 64)
        self._clear(index, listed=not self._in_use)

    def put(self, index: int, item: CatalogItem | None) -> None:
        """Take over what the catalogue says about an item; None = withdrawn."""
        self._named[index] = True
        self._clear(index, listed=item is not None)
        self.content.put(index, item)
        if item is None:
            return
        if not self._in_use:
            self._in_use = True
            self._plain &= self._named
            self._listed &= self._named
        self.titles[index] = item.title or item.item_id
        self.genres[index] = tuple(self._genre(name) for name in item.genres)
        for genre in self.genres[index]:
            self._items_of_genre[genre].add(index)
        self.genre_columns.put(index, self.genres[index])
        self.tokens[index] = tokens(item)
        self.maturity_age[index] = maturity_age(item.maturity)
        if item.language:
            self.language[index] = self.language_ids.setdefault(item.language, len(self.language_ids))
        if item.released_at_ms is not None:
            self.released_at_ms[index] = item.released_at_ms
        if item.available_from_ms is not None:
            self._from_ms[index] = item.available_from_ms
        if item.available_until_ms is not None:
            self._until_ms[index] = item.available_until_ms
        if item.regions:
            self._regions[index] = frozenset(item.regions)
        if languages := _languages(item):
            self._languages[index] = languages
        self._bounded[index] = index in self._regions or index in self._languages
        self._plain[index] = item.available_from_ms is None and item.available_until_ms is None

    def _genre(self, name: str) -> int:
        number = self.genre_ids.get(name)
        if number is None:
            number = self.genre_ids[name] = len(self.genre_names)
            self.genre_names.append(name)
            self._items_of_genre.append(set())
        return number

    def of_genre(self, name: str, items: int) -> Mask:
        """bool[items]: of this genre."""
        mask = np.zeros(items, np.bool_)
        if name in self.genre_ids:
            mask[list(self._items_of_genre[self.genre_ids[name]])] = True
        return mask

    def largest_genres(self, count: int) -> list[str]:
        """Up to `count` genres with items, those with most items first."""
        sizes = [len(items) for items in self._items_of_genre]
        order = sorted(range(len(sizes)), key=lambda number: -sizes[number])[:count]
        return [self.genre_names[number] for number in order if sizes[number]]

    def available(self, indices: Indices, now_ms: int, country: str | None = None) -> Mask:
        """bool[indices]: offered at `now_ms` and allowed in the country."""
        return self.offered(indices, now_ms) & self.allowed_in(indices, country)

    def offered(self, indices: Indices, now_ms: int) -> Mask:
        """bool[indices]: listed, and within its time of availability."""
        plain: Mask = self._plain[indices]
        if plain.all():
            return plain
        return self._listed[indices] & (self._from_ms[indices] <= now_ms) & (now_ms < self._until_ms[indices])

    def allowed_in(self, indices: Indices, country: str | None) -> Mask:
        """bool[indices]: allowed in the country. Where the country is not known, only what is allowed everywhere is:
        showing less is safer than breaking a licence."""
        return self._open_to(indices, self._regions, country)

    def spoken(self, indices: Indices, language: str | None) -> Mask:
        """bool[indices]: available in the language. Everything is to somebody whose language is not known."""
        if language is None:
            return np.ones(len(indices), np.bool_)
        return self._open_to(indices, self._languages, _primary(language))

    def _open_to(self, indices: Indices, bounds: dict[int, frozenset[str]], name: str | None) -> Mask:
        """bool[indices]: not bounded, or `name` is within the bounds."""
        mask = np.ones(len(indices), np.bool_)
        if bounds:
            bounded = self._bounded[indices]
            for place in np.flatnonzero(bounded).tolist():
                within = bounds.get(int(indices[place]))
                mask[place] = within is None or name in within
        return mask

    def hidden(self, now_ms: int) -> Mask:
        """bool[items]: available to nobody."""
        items = slice(0, len(self.titles))
        return ~self._listed[items] | (self._from_ms[items] > now_ms) | (now_ms >= self._until_ms[items])

    def withdrawn(self, now_ms: int) -> Mask:
        """bool[items]: hidden, and the catalogue said so itself."""
        return self.hidden(now_ms) & self._named[: len(self.titles)]

    def _clear(self, index: int, *, listed: bool) -> None:
        self.released_at_ms[index] = ALWAYS_FROM_MS
        self.maturity_age[index] = 0
        self.language[index] = -1
        self._plain[index] = self._listed[index] = listed
        self._from_ms[index] = ALWAYS_FROM_MS
        self._until_ms[index] = ALWAYS_UNTIL_MS
        self._bounded[index] = False
        self._regions.pop(index, None)
        for genre in self.genres[index]:
            self._items_of_genre[genre].discard(index)
        self._languages.pop(index, None)
        self.genres[index] = self.tokens[index] = ()
        self.genre_columns.put(index, ())

    def _grow(self, capacity: int) -> None:
        self.genre_columns.grow(capacity)
        self.released_at_ms = grown(self.released_at_ms, capacity)
        self.maturity_age = grown(self.maturity_age, capacity)
        self._named = grown(self._named, capacity)
        self.language = grown(self.language, capacity)
        self._plain, self._listed = grown(self._plain, capacity), grown(self._listed, capacity)
        self._from_ms, self._until_ms = grown(self._from_ms, capacity), grown(self._until_ms, capacity)
        self._bounded = grown(self._bounded, capacity)


def _languages(item: CatalogItem) -> frozenset[str]:
    """The languages an item says it is available in; empty = all. Attributes are free-form: what is no list of texts
    says nothing."""
    named = item.attributes.get("languages")
    return (
        frozenset(_primary(name) for name in named if isinstance(name, str)) if isinstance(named, list) else frozenset()
    )


def _primary(language: str) -> str:
    """`de` of `de`, `DE`, `de-AT` and `de_AT`: who follows one follows the others."""
    return language.lower().replace("_", "-").partition("-")[0]
