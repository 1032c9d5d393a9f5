"""What ranks new items: Freshet, chance, and the likeness of descriptions."""

from collections import defaultdict
from collections.abc import Mapping, Sequence

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.evaluation import FOR_EVER_MS
from offline.evaluate.freshet import Freshet
from offline.production_path import ProductionPath
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction

RECENT = 50


class FreshetOnNewItems:
    """The order of the items in a list of the whole catalogue; what the list leaves out is last."""

    def __init__(self, catalog: Mapping[str, CatalogItem]) -> None:
        # Asked at the end of the log, when many have been idle for longer than anybody is kept; nobody else forgets.
        self._path = ProductionPath(retention_ms=FOR_EVER_MS)
        self._freshet = Freshet(self._path, catalog)

    def learn(self, event: Interaction) -> None:
        """Learns it."""
        self._freshet.learn(event)

    def describe(self, items: Sequence[CatalogItem]) -> None:
        """Takes over the entries."""
        self._path.describe([(item.item_id, item) for item in items])

    def rank(self, user_id: str, now_ms: int, items: Sequence[str]) -> list[str]:
        """By the place in the list."""
        asked = frozenset(items)
        return [item for item in self._path.recommend(user_id, now_ms, len(self._path.model)) if item in asked]


class Chance:
    """A seeded order."""

    def __init__(self, seed: int) -> None:
        self._rng = np.random.default_rng(seed)

    def learn(self, event: Interaction) -> None:
        """Nothing."""

    def describe(self, items: Sequence[CatalogItem]) -> None:
        """Nothing."""

    def rank(self, user_id: str, now_ms: int, items: Sequence[str]) -> list[str]:
        """Any order."""
        return [items[place] for place in self._rng.permutation(len(items))]


class ContentCosine:
    """The cosine between an item and the mean of the user's last 50, over words of the title, genres, people, year."""

    def __init__(self, catalog: Mapping[str, CatalogItem]) -> None:
        self._vectors = _vectors(catalog)
        self._history: defaultdict[str, list[str]] = defaultdict(list)

    def learn(self, event: Interaction) -> None:
        """Remembers what the user met."""
        if event.item_id in self._vectors:
            self._history[event.user_id].append(event.item_id)

    def describe(self, items: Sequence[CatalogItem]) -> None:
        """Nothing: entries are known, and nobody met the new ones."""

    def rank(self, user_id: str, now_ms: int, items: Sequence[str]) -> list[str]:
        """Most alike first."""
        known = [item for item in items if item in self._vectors]
        recent = self._history[user_id][-RECENT:]
        if not recent or not known:
            return list(items)
        interests = np.mean([self._vectors[item] for item in recent], axis=0)
        likeness = np.stack([self._vectors[item] for item in known]) @ interests
        return [known[place] for place in np.argsort(-likeness, kind="stable")]


def _vectors(catalog: Mapping[str, CatalogItem]) -> dict[str, NDArray[np.float64]]:
    """Unit vectors of words, each weighed by how rare it is."""
    words = {item_id: frozenset(_words(item)) for item_id, item in catalog.items()}
    items_of: defaultdict[str, int] = defaultdict(int)
    for found in words.values():
        for word in found:
            items_of[word] += 1
    place = {word: number for number, word in enumerate(word for word, items in items_of.items() if items > 1)}
    weight = {word: np.log(len(catalog) / items_of[word]) for word in place}
    vectors: dict[str, NDArray[np.float64]] = {}
    for item_id, found in words.items():
        vector = np.zeros(len(place))
        for word in found & place.keys():
            vector[place[word]] = weight[word]
        length = np.linalg.norm(vector)
        vectors[item_id] = vector / length if length else vector
    return vectors


def _words(item: CatalogItem) -> list[str]:
    words = [f"title:{word}" for word in item.title.lower().split()]
    words += [f"genre:{genre}" for genre in item.genres]
    words += [f"person:{name}" for name in (*item.cast, item.director or "") if name]
    return words + ([f"decade:{item.year // 10}"] if item.year else [])
