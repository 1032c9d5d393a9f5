"""Which items are alike by what the catalogue says about them: genres, people, words of the title.

    likeness = 0.5 genres + 0.3 people + 0.2 title        each the cosine of two sets, 0..1

It is what stands in for co-watches while an item has few of them.
"""

import re
from collections import defaultdict

import numpy as np
from numpy.typing import NDArray

from streams.contract.catalog import CatalogItem
from tables.genre_columns import GenreColumns

GENRE_SHARE = 0.5
PEOPLE_SHARE = 0.3
TITLE_SHARE = 0.2
#: Words that more items have than this say nothing ("the", "part").
MOST_ITEMS_OF_A_WORD = 200
_WORD = re.compile(r"\w{3,}")

Terms = frozenset[str]


class ContentIndex:
    """People and title words by item index, and the items of each."""

    def __init__(self) -> None:
        self._people: dict[int, Terms] = {}
        self._words: dict[int, Terms] = {}
        self._items: defaultdict[str, set[int]] = defaultdict(set)

    def put(self, index: int, item: CatalogItem | None) -> None:
        """Take over what the catalogue says about an item; None = nothing."""
        for term in self._people.pop(index, frozenset()) | self._words.pop(index, frozenset()):
            self._items[term].discard(index)
        if item is None:
            return
        people = frozenset(f"person {name.casefold()}" for name in (*item.cast, item.director or "") if name)
        words = frozenset(_WORD.findall(item.title.casefold()))
        for term in people | words:
            self._items[term].add(index)
        if people:
            self._people[index] = people
        if words:
            self._words[index] = words

    def likeness(self, index: int, items: int, genres: GenreColumns) -> NDArray[np.float32]:
        """float32[items] in 0..1: how like every item is to that of index `index`; 0 to itself."""
        likeness = genres.likeness_to(index, items) * np.float32(GENRE_SHARE)
        self._add(likeness, index, self._people, PEOPLE_SHARE)
        self._add(likeness, index, self._words, TITLE_SHARE)
        likeness[index] = 0.0
        return likeness

    def _add(self, likeness: NDArray[np.float32], index: int, terms_of: dict[int, Terms], share: float) -> None:
        own = terms_of.get(index, frozenset())
        shared: defaultdict[int, int] = defaultdict(int)
        for term in own:
            others = self._items[term]
            if len(others) <= MOST_ITEMS_OF_A_WORD:
                for other in others:
                    shared[other] += 1
        for other, count in shared.items():
            likeness[other] += share * count / (len(own) * len(terms_of[other])) ** 0.5
