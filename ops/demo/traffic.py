"""What the demo publishes: the last ratings of a data set, or a simulated world; and what must become of it."""

import time
from abc import ABC, abstractmethod
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import msgspec
import orjson

from offline.datasets.movielens_100k import NAME, MovieLens100K
from offline.datasets.rows import ItemRow, ProfileRow, encode
from offline.simulator.records import SimulatedRecord
from offline.simulator.world import World
from streams.producer import OutgoingRecord
from streams.topics import Topics

EVENTS_PER_S = 300.0
_SEED = 7
_SIMULATED_USERS = 400
_SIMULATED_ITEMS = 600


class TimedRecord(NamedTuple):
    """A record and when to send it, in seconds after the first one."""

    due_s: float
    record: OutgoingRecord


@dataclass
class DemoTraffic(ABC):
    """Traffic for `seconds`; `titles` maps item id to title and grows with the catalogue."""

    name: str
    seconds: float
    titles: dict[str, str]

    @abstractmethod
    def reference_records(self, topics: Topics) -> Iterator[OutgoingRecord]:
        """Catalogue and profiles as they are at the start."""

    @abstractmethod
    def event_records(self, topics: Topics) -> Iterator[TimedRecord]:
        """Events in their order, by time due; simulated worlds add catalogue items in between."""

    def expected(self) -> Mapping[str, int] | None:
        """How many of the records handed out must be `folded`, `duplicates` and `dead_letters`; None = nobody knows."""
        return None


class DatasetTraffic(DemoTraffic):
    """MovieLens 100K: its last ratings, with all timestamps shifted so that the last one is now."""

    def __init__(self, place: Path, seconds: float) -> None:
        """Raises `DatasetError` when `place` holds no MovieLens 100K."""
        dataset = MovieLens100K.find(place)
        self._items, self._profiles = list(dataset.items()), list(dataset.profiles())
        self._events = list(dataset.events())[-round(seconds * EVENTS_PER_S) :]
        super().__init__(NAME, seconds, {item.item_id: item.title for item in self._items})

    def reference_records(self, topics: Topics) -> Iterator[OutgoingRecord]:
        """All films and people."""
        return _reference_records(topics, self._items, self._profiles)

    def event_records(self, topics: Topics) -> Iterator[TimedRecord]:
        """One rating after the other at an even pace, which is not the pace of 1998."""
        shift_ms = _now_ms() - self._events[-1].timestamp
        for number, row in enumerate(self._events):
            value = encode(msgspec.structs.replace(row, timestamp=row.timestamp + shift_ms))
            record = OutgoingRecord(topics.interactions, row.user_id.encode(), value)
            yield TimedRecord(number / EVENTS_PER_S, record)


class SimulatedTraffic(DemoTraffic):
    """A seeded world, with the duplicates, broken records and new items that live traffic has."""

    def __init__(self, seconds: float) -> None:
        self._start_ms = _now_ms()
        self._world = World(
            _SEED, _SIMULATED_USERS, _SIMULATED_ITEMS, start_ms=self._start_ms, events_per_s=EVENTS_PER_S
        )
        super().__init__("simulator", seconds, {item.item_id: item.title for item in self._world.catalog()})

    def reference_records(self, topics: Topics) -> Iterator[OutgoingRecord]:
        """The world at its start."""
        return _reference_records(topics, list(self._world.catalog()), list(self._world.profiles()))

    def event_records(self, topics: Topics) -> Iterator[TimedRecord]:
        """What happens in the world, when it happens."""
        for simulated in self._world.events(until_ms=self._start_ms + int(self.seconds * 1000)):
            if simulated.kind == "item":
                self._learn_title(simulated)
            topic = topics.catalog if simulated.kind == "item" else topics.interactions
            record = OutgoingRecord(topic, simulated.key, simulated.value, simulated.partition)
            yield TimedRecord((simulated.due_ms - self._start_ms) / 1000, record)

    def expected(self) -> Mapping[str, int]:
        """The truth about the records handed out so far."""
        expected = self._world.expected
        return {
            "folded": expected.folded,
            "duplicates": expected.duplicates,
            "dead_letters": expected.dead_letters.total(),
        }

    def _learn_title(self, simulated: SimulatedRecord) -> None:
        if simulated.value is not None:
            self.titles[simulated.key.decode()] = orjson.loads(simulated.value)["title"]


def traffic_from(data: Path | None, seconds: float) -> DemoTraffic:
    """The data set in `data`, or else a simulated world; `seconds` > 0. Raises `DatasetError`."""
    return SimulatedTraffic(seconds) if data is None else DatasetTraffic(data, seconds)


def _reference_records(topics: Topics, items: list[ItemRow], profiles: list[ProfileRow]) -> Iterator[OutgoingRecord]:
    for item in items:
        yield OutgoingRecord(topics.catalog, item.item_id.encode(), encode(item))
    for profile in profiles:
        yield OutgoingRecord(topics.profiles, profile.user_id.encode(), encode(profile))


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
