"""What the demo publishes: the last ratings of a data set, or a simulated world; and what must become of it."""

import time
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass, field
from itertools import chain
from pathlib import Path

import orjson

from offline.datasets.movielens_100k import NAME, MovieLens100K
from offline.simulator.records import Expected
from offline.simulator.world import World
from offline.traffic import DatasetTraffic, SimulatedTraffic, TimedRecord, Traffic
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics

EVENTS_PER_S = 300.0
_SEED = 7
_SIMULATED_USERS = 400
_SIMULATED_ITEMS = 600


@dataclass
class DemoTraffic:
    """Traffic for `seconds`, made by `to` for the topics of one run; `truth` is None where nobody knows it.

    `titles` maps item id to title and grows with the catalogue that is handed out.
    """

    name: str
    seconds: float
    to: Callable[[Topics], Traffic]
    truth: Expected | None = None
    titles: dict[str, str] = field(default_factory=dict)

    def reference_records(self, topics: Topics) -> Iterator[OutgoingRecord]:
        """Catalogue and profiles as they are at the start."""
        traffic = self.to(topics)
        for record in chain(traffic.catalog(), traffic.profiles()):
            self._learn_title(record, topics)
            yield record

    def event_records(self, topics: Topics) -> Iterator[TimedRecord]:
        """Events in their order, by time due; simulated worlds add catalogue items in between."""
        for timed in self.to(topics).events():
            self._learn_title(timed.record, topics)
            yield timed

    def expected(self) -> Mapping[str, int] | None:
        """How many of the records handed out must be `folded`, `duplicates` and `dead_letters`; None = nobody knows."""
        if self.truth is None:
            return None
        return {
            "folded": self.truth.folded,
            "duplicates": self.truth.duplicates,
            "dead_letters": self.truth.dead_letters.total(),
        }

    def _learn_title(self, record: OutgoingRecord, topics: Topics) -> None:
        if record.topic == topics.catalog and record.key is not None and record.value is not None:
            self.titles[record.key.decode()] = orjson.loads(record.value)["title"]


def traffic_from(data: Path | None, seconds: float) -> DemoTraffic:
    """The data set in `data`, or else a simulated world; `seconds` > 0. Raises `DatasetError`."""
    return _simulated(seconds) if data is None else _from_dataset(data, seconds)


def _from_dataset(place: Path, seconds: float) -> DemoTraffic:
    """MovieLens 100K: its last ratings, the last one now, at an even pace, which is not the pace of 1998."""
    dataset = MovieLens100K.find(place)
    last = round(seconds * EVENTS_PER_S)
    return DemoTraffic(
        NAME,
        seconds,
        lambda topics: DatasetTraffic(dataset, topics, _now_ms(), last=last, events_per_s=EVENTS_PER_S),
    )


def _simulated(seconds: float) -> DemoTraffic:
    """A seeded world, with the duplicates, broken records and new items that live traffic has."""
    start_ms = _now_ms()
    world = World(_SEED, _SIMULATED_USERS, _SIMULATED_ITEMS, start_ms=start_ms, events_per_s=EVENTS_PER_S)
    until_ms = start_ms + int(seconds * 1000)
    return DemoTraffic(
        "simulator", seconds, lambda topics: SimulatedTraffic(world, topics, until_ms=until_ms), world.expected
    )


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
