"""A closed loop in a world whose truth is known: lists are shown, people use what they truly like, and that is learned.

Every person looks at their list several times a day. The item at place p is looked at with probability 0.9^p; looked at
it is used with the probability of the true affinity, else skipped half the time; used it is finished with that
probability once more. At every look people also find something by themselves, as all people of the simulator do. Only
what they do reaches the system. What a list is worth is the mean true affinity of its first ten, 0 when it is empty;
regret is what the best ten of all items that the person has not met would be worth more.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from offline.datasets.rows import EventRow, ItemRow, encode
from offline.production_path import ProductionPath
from offline.simulator.catalogue import ReleasedCatalogue
from offline.simulator.preferences import LatentPreferences
from ranking.rerank.settings import FRONT, TOP, RerankSettings
from streams.contract.catalog import CatalogItem, parse_catalog_item
from streams.contract.events import parse_interaction
from streams.contract.units import DAY_MS

START_MS = 1_700_006_400_000  # a midnight, UTC
LOOKS_ON = 0.9
SKIPS = 0.5
_FINISHED_PCT = 100.0

Floats = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Look:
    """One person looking at their list: the day from 0, who looks, the mean true affinity of the first ten, and that of
    the best ten there would have been."""

    day: int
    person: int
    worth: float
    best: float

    @property
    def regret(self) -> float:
        """0 = nothing better could have been shown."""
        return self.best - self.worth


class ClosedLoop:
    """A world of `people` and `items` served by the production path under re-ranking `rules`; `truth` float64[people,
    items] is how much everybody likes everything, `shown` are the items in anybody's first 20."""

    def __init__(self, seed: int, people: int, items: int, rules: RerankSettings) -> None:
        self._seed = seed
        preferences = LatentPreferences(seed)
        self._people = preferences.people(people, START_MS)
        self._items = [preferences.next_item() for _ in range(items)]
        self.truth = np.array([[preferences.affinity(person, item) for item in self._items] for person in self._people])
        self._path = ProductionPath(rules=rules)
        self._path.describe([_described(item.row) for item in self._items])
        self._place = {item.row.item_id: place for place, item in enumerate(self._items)}
        self._catalogue = ReleasedCatalogue(self._items)
        self._met = np.zeros((people, items), np.bool_)
        self._events = 0
        self.shown: set[str] = set()

    @property
    def coverage(self) -> float:
        """The share of all items that somebody was shown among the first 20."""
        return len(self.shown) / len(self._items)

    def lives(self, days: int, looks: int) -> list[Look]:
        """So many days with so many looks of everybody each."""
        found: list[Look] = []
        for day in range(days):
            for look in range(looks):
                random = np.random.default_rng([self._seed, day, look])
                for person in random.permutation(len(self._people)).tolist():
                    now_ms = START_MS + day * DAY_MS + look * (DAY_MS // looks) + person * 1000
                    found.append(Look(day, person, *self._look(person, now_ms, random)))
        return found

    def _look(self, person: int, now_ms: int, random: np.random.Generator) -> tuple[float, float]:
        listed = self._path.recommend(self._people[person].user_id, now_ms, FRONT)
        self.shown.update(listed)
        likes = self.truth[person]
        places = np.array([self._place[item_id] for item_id in listed], np.int64)
        best = np.sort(likes[~self._met[person]])[-TOP:]
        chances = random.random((len(places), 3))
        looked = chances[:, 0] < LOOKS_ON ** np.arange(len(places))
        for slot in np.flatnonzero(looked).tolist():
            self._meet(person, places[slot], chances[slot], now_ms)
        self._browse(person, now_ms, random)
        worth = float(likes[places[:TOP]].mean()) if listed else 0.0
        return worth, float(best.mean())

    def _browse(self, person: int, now_ms: int, random: np.random.Generator) -> None:
        """Something found without a list."""
        done = {self._items[place].row.item_id for place in np.flatnonzero(self._met[person]).tolist()}
        for item in self._catalogue.picks(self._people[person], 1, done, random):
            self._meet(person, self._place[item.row.item_id], random.random(3), now_ms)

    def _meet(self, person: int, place: int, chances: Floats, now_ms: int) -> None:
        likes = self.truth[person, place]
        if chances[1] < likes:
            self._do("watch_end" if chances[2] < likes else "click", person, place, now_ms)
        elif chances[2] < SKIPS:
            self._do("skip", person, place, now_ms)

    def _do(self, what: str, person: int, place: int, now_ms: int) -> None:
        self._events += 1
        self._met[person, place] = True
        row = EventRow(
            f"loop-{self._events}",
            what,
            self._people[person].user_id,
            now_ms,
            item_id=self._items[place].row.item_id,
            completion_pct=_FINISHED_PCT if what == "watch_end" else None,
        )
        self._path.learn(parse_interaction(encode(row), now_ms))


def _described(row: ItemRow) -> tuple[str, CatalogItem]:
    item = parse_catalog_item(row.item_id.encode(), encode(row))
    assert item is not None  # None is what a tombstone says
    return row.item_id, item
