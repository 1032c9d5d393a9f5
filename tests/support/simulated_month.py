"""Days in the simulated world and a list for everybody at the end of each, evaluated by the truth about tastes."""

from collections.abc import Iterator
from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

from offline.datasets.rows import encode
from offline.production_path import ProductionPath
from offline.simulator.preferences import Person
from offline.simulator.world import World
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import parse_catalog_item
from streams.contract.events import parse_interaction

DAY_MS = 86_400_000
START_MS = 1_700_000_000_000
SHOWN = 20
TOP = 10
WITHOUT = RerankSettings(explore_items=0)


@dataclass
class Day:
    """Means over everybody of the truth about the first ten items of their lists: `affinity` = how much they like them,
    `regret` = how much more they would like the ten best they have not met."""

    affinity: float
    regret: float


@dataclass
class Month:
    """`shown` are the items that any list has shown in its first 20 slots, with the rules as they are by default and
    without exploration; `tops` how many lists had the same first ten either way, `lists` how many there were."""

    people: int = 40
    items: int = 300
    events_per_day: int = 700
    drift_per_day: float = 0.0
    seed: int = 5
    shown: set[str] = field(default_factory=set)
    shown_without: set[str] = field(default_factory=set)
    tops: int = 0
    lists: int = 0
    number: int = 0

    def __post_init__(self) -> None:
        self.world = World(
            self.seed,
            self.people,
            self.items,
            start_ms=START_MS,
            events_per_s=self.events_per_day / 86_400,
            malformed_share=0.0,
            duplicate_share=0.0,
            new_items_per_1000=0.0,
            drift_per_day=self.drift_per_day,
        )
        self.path = ProductionPath()
        self.path.describe(
            (row.item_id, parse_catalog_item(row.item_id.encode(), encode(row))) for row in self.world.catalog()
        )
        self.places = {item.row.item_id: place for place, item in enumerate(self.world.items)}

    def lives(self, days: int) -> Iterator[Day]:
        """The next days."""
        for _ in range(days):
            self.number += 1
            end_ms = START_MS + self.number * DAY_MS
            for record in self.world.events(until_ms=end_ms):
                if record.value is not None:
                    self.path.learn(parse_interaction(record.value, record.due_ms))
            evaluated = [self._evaluated(person, end_ms) for person in self.world.people]
            yield Day(*np.mean(evaluated, axis=0).tolist())

    def ground_truth(self, person: Person, at_ms: int) -> NDArray[np.float64]:
        """float64[items]: how much the person likes each item at that time."""
        person = self.world.changes.person_at(person, at_ms)
        return np.array([self.world.preferences.affinity(person, item) for item in self.world.items])

    def listed(self, person: Person, now_ms: int) -> list[str]:
        """The first 20 of the person's list."""
        return self.path.recommend(person.user_id, now_ms, SHOWN)

    def _evaluated(self, person: Person, now_ms: int) -> tuple[float, float]:
        listed = self.listed(person, now_ms)
        model = self.path.model
        indices = self.path.list_for(person.user_id, now_ms, SHOWN, WITHOUT).item_index.tolist()
        without = [model.ids[index] for index in indices]
        self.shown.update(listed)
        self.shown_without.update(without)
        self.tops += listed[:TOP] == without[:TOP]
        self.lists += 1
        ground_truth = self.ground_truth(person, now_ms)
        user = self.path.user(person.user_id)
        met = [self.places[item_id] for item_id in user.seen.hours] if user else []
        best = np.sort(np.delete(ground_truth, met))[-TOP:].mean()
        affinity = ground_truth[[self.places[item_id] for item_id in listed[:TOP]]].mean()
        return float(affinity), float(best - affinity)
