"""What the catalogue says about items, as columns by item index."""

from collections.abc import Iterable
from typing import NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.contract.catalog import UNRATED_AGE, CatalogItem, item_age, primary_language
from streams.contract.item_details import NOTHING, ItemDetails, decode_details, encode_details, plain_attributes
from tables.columns import grown
from tables.content import tokens
from tables.content_index import ContentIndex
from tables.genre_columns import GenreColumns
from tables.name_sets import NameSets
from tables.regions import REGION_OF

ALWAYS_FROM_MS = -(2**62)
ALWAYS_UNTIL_MS = 2**62
NOBODYS_LANGUAGE = ""
_GROW = 1.5

Indices = NDArray[np.integer]
Mask = NDArray[np.bool_]


class Blocked(NamedTuple):
    """Where an operator's rule withdraws an item: in `countries`, everywhere when there are none."""

    countries: frozenset[str] = frozenset()


class _BeforeBlock(NamedTuple):
    """What the catalogue says of an item that a rule blocks."""

    plain: bool
    listed: bool
    regions: frozenset[str]


class ItemCatalog:
    """Titles, genres and availability. An item that the catalogue withdrew is not recommendable.

    An item that only events have named is recommendable, under its id, as long as the catalogue has named no item at
    all: where there is no catalogue, everything is for everybody. Where there is one, it decides. A withdrawal leaves
    the compacted topic after a day, and a process that starts later must not bring the item back; nor may an item be
    shown of which nobody said yet for which age and in which countries.

    `released_at_ms` int64[capacity] (ALWAYS_FROM_MS = unknown), `maturity_age` int16[capacity] in years (of an item
    that nobody rated, UNRATED_AGE), `until_ms` int64[capacity] the first moment at which an item may no longer be shown
    (ALWAYS_UNTIL_MS = never), `language` int32[capacity] by `language_ids` (-1 = unknown); `duration_s` holds the
    seconds of items that have a length, `details` what pages show (streams/contract/item_details.py), without the
    `long_attributes` of the items that have too many for that; `regions` and
    `languages` are what items are bounded to; `changes` counts the entries that were put.
    """

    def __init__(self) -> None:
        self.changes = 0
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
        self.language = np.zeros(0, np.int32)
        self.language_ids: dict[str, int] = {}
        self.duration_s: dict[int, float] = {}
        self.details: list[bytes] = []
        self.long_attributes: dict[int, dict[str, object]] = {}
        self._before_block: dict[int, _BeforeBlock] = {}
        self._plain = np.zeros(0, np.bool_)  # listed without any bound of time
        self._listed = np.zeros(0, np.bool_)
        self._from_ms = np.zeros(0, np.int64)
        self.until_ms = np.zeros(0, np.int64)
        self.regions = NameSets()
        self.languages = NameSets()

    def add(self, items: int) -> None:
        """Give an index to all of the first `items` items; who they are is not known yet."""
        first = len(self.titles)
        added = items - first
        if added <= 0:
            return
        self.titles += [""] * added
        self.genres += [()] * added
        self.tokens += [()] * added
        self.details += [NOTHING] * added
        if items > len(self._listed):
            self._grow(int(items * _GROW) + 64)
        for index in range(first, items):
            self._clear(index, listed=False)

    def name(self, index: int, item_id: str) -> None:
        """Take over the id of an item that only its events have named so far."""
        self._before_block.pop(index, None)
        self.titles[index] = item_id
        self._plain[index] = self._listed[index] = not self._in_use

    def put(self, index: int, item: CatalogItem | None) -> None:
        """Take over what the catalogue says about an item; None = withdrawn."""
        self.changes += 1
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
        self.details[index] = encode_details(item)
        if item.attributes and b'"attributes":' not in self.details[index] and (said := plain_attributes(item)):
            self.long_attributes[index] = said
        self.maturity_age[index] = item_age(item.maturity)
        if item.language:
            self.language[index] = self.language_ids.setdefault(item.language, len(self.language_ids))
        if item.duration_s:
            self.duration_s[index] = item.duration_s
        if item.released_at_ms is not None:
            self.released_at_ms[index] = item.released_at_ms
        if item.available_from_ms is not None:
            self._from_ms[index] = item.available_from_ms
        if item.available_until_ms is not None:
            self.until_ms[index] = item.available_until_ms
        self.regions.put(index, item.regions)
        self.languages.put(index, languages_of(item))
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

    def of_genres(self, numbers: Iterable[int]) -> set[int]:
        """The items that have one of these genres."""
        return set[int]().union(*(self._items_of_genre[number] for number in numbers))

    def details_of(self, index: int) -> ItemDetails:
        """What pages show of an item, with all attributes."""
        details = decode_details(self.details[index])
        said = self.long_attributes.get(index)
        return details if said is None else msgspec.structs.replace(details, attributes=said)

    def block(self, index: int, blocked: Blocked | None) -> None:
        """Withdraw an item, or offer it only where it is not blocked, until this is called again; None = as the
        catalogue says. In countries that nobody has heard of it is offered nowhere then."""
        before = self._before_block.pop(index, None)
        if before is not None:
            may_be_listed = bool(self._named[index]) or not self._in_use
            self._plain[index], self._listed[index] = before.plain and may_be_listed, before.listed and may_be_listed
            self.regions.put(index, before.regions)
        if blocked is None:
            return
        regions = self.regions.of(index)
        self._before_block[index] = _BeforeBlock(bool(self._plain[index]), bool(self._listed[index]), regions)
        left = (regions or frozenset(REGION_OF)) - blocked.countries if blocked.countries else None
        if left:
            self.regions.put(index, left)
        else:
            self._plain[index] = self._listed[index] = False

    def is_blocked(self, index: int) -> bool:
        """Whether a rule withdraws the item from somebody."""
        return index in self._before_block

    @property
    def blocked_items(self) -> int:
        """How many items rules withdraw from somebody."""
        return len(self._before_block)

    def largest_genres(self, count: int) -> list[str]:
        """Up to `count` genres with items, those with most items first."""
        sizes = [len(items) for items in self._items_of_genre]
        order = sorted(range(len(sizes)), key=lambda number: -sizes[number])[:count]
        return [self.genre_names[number] for number in order if sizes[number]]

    def available(self, indices: Indices, now_ms: int, country: str | None = None, age: int | None = None) -> Mask:
        """bool[indices]: offered at `now_ms`, allowed in the country, and rated for the age (None = any)."""
        mask = self.offered(indices, now_ms) & self.allowed_in(indices, country)
        return mask if age is None else mask & (self.maturity_age[indices] <= age)

    def offered(self, indices: Indices, now_ms: int) -> Mask:
        """bool[indices]: listed, and within its time of availability."""
        plain: Mask = self._plain[indices]
        if plain.all():
            return plain
        return self._listed[indices] & (self._from_ms[indices] <= now_ms) & (now_ms < self.until_ms[indices])

    def allowed_in(self, indices: Indices, country: str | None) -> Mask:
        """bool[indices]: allowed in the country. Where the country is not known, only what is allowed everywhere is:
        showing less is safer than breaking a licence."""
        return self.regions.open_to(indices, country)

    def bounds(self, index: int) -> tuple[frozenset[str], frozenset[str], int, int]:
        """The countries and languages of an item (none = all), and from when until when it is available."""
        countries, languages = self.regions.of(index), self.languages.of(index)
        return countries, languages, int(self._from_ms[index]), int(self.until_ms[index])

    def is_listed(self, index: int) -> bool:
        """Whether an item may be shown to anybody, at some time."""
        return bool(self._listed[index])

    def entry(self, index: int) -> tuple[object, ...]:
        """What is said of an item, but for its title and what makes it like others."""
        columns = (self._named, self._listed, self.maturity_age, self.released_at_ms, self.language)
        return (
            *(column[index].item() for column in columns),
            *self.bounds(index),
            self.genres[index],
            self.duration_s.get(index),
        )

    @property
    def in_use(self) -> bool:
        """Whether the catalogue has named an item."""
        return self._in_use

    def hidden(self, now_ms: int) -> Mask:
        """bool[items]: available to nobody."""
        items = slice(0, len(self.titles))
        return ~self._listed[items] | (self._from_ms[items] > now_ms) | (now_ms >= self.until_ms[items])

    def _clear(self, index: int, *, listed: bool) -> None:
        self._before_block.pop(index, None)
        self.long_attributes.pop(index, None)
        self.released_at_ms[index] = ALWAYS_FROM_MS
        self.maturity_age[index] = UNRATED_AGE
        self.language[index] = -1
        self._plain[index] = self._listed[index] = listed
        self._from_ms[index] = ALWAYS_FROM_MS
        self.until_ms[index] = ALWAYS_UNTIL_MS
        self.regions.put(index, ())
        self.languages.put(index, ())
        self.duration_s.pop(index, None)
        for genre in self.genres[index]:
            self._items_of_genre[genre].discard(index)
        self.genres[index] = self.tokens[index] = ()
        self.details[index] = NOTHING
        self.genre_columns.put(index, ())

    def _grow(self, capacity: int) -> None:
        self.genre_columns.grow(capacity)
        self.released_at_ms = grown(self.released_at_ms, capacity)
        self.maturity_age = grown(self.maturity_age, capacity)
        self._named = grown(self._named, capacity)
        self.language = grown(self.language, capacity)
        self._plain, self._listed = grown(self._plain, capacity), grown(self._listed, capacity)
        self._from_ms, self.until_ms = grown(self._from_ms, capacity), grown(self.until_ms, capacity)
        self.regions.grow(capacity)
        self.languages.grow(capacity)


def languages_of(item: CatalogItem) -> frozenset[str]:
    """The languages an item says it is available in; empty = all. Attributes are free-form: one text is one language,
    and what is no list of texts names a language that nobody speaks."""
    named = item.attributes.get("languages")
    if named is None:
        return frozenset()
    names = [named] if isinstance(named, str) else named if isinstance(named, list) else [None]
    return frozenset(primary_language(name) if isinstance(name, str) else NOBODYS_LANGUAGE for name in names)
