"""What to publish, from a data set or from the simulated world, behind one interface.

A caller publishes the catalogue and the profiles first and then the events at a pace of its own; `due_ms` is when an
event happened by the traffic's own clock.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import NamedTuple, Protocol

from msgspec import structs

from offline.datasets.dataset import Dataset
from offline.datasets.rows import EventRow, ItemRow, ProfileRow, encode
from offline.simulator.world import World
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics


class TimedRecord(NamedTuple):
    """A record to send and when it is due, in milliseconds since the epoch."""

    record: OutgoingRecord
    due_ms: int


class Traffic(Protocol):
    """Records of a catalogue, of profiles and of events."""

    def catalog(self) -> Iterator[OutgoingRecord]:
        """Items that exist before the first event."""

    def profiles(self) -> Iterator[OutgoingRecord]:
        """Profiles that exist before the first event."""

    def events(self) -> Iterator[TimedRecord]:
        """Events in the order to publish them, `due_ms` never decreasing; items that appear later are among them."""


@dataclass(frozen=True)
class DatasetTraffic:
    """A data set, its times shifted so that the last event published is at `now_ms`.

    `first` or `last` limits the events to so many from the beginning or the end; the order stays. With `events_per_s`
    they are due from `now_ms` on at that even pace, not when they happened.
    """

    dataset: Dataset
    topics: Topics
    now_ms: int
    first: int | None = None
    last: int | None = None
    events_per_s: float | None = None

    def __post_init__(self) -> None:
        if self.first is not None and self.last is not None:
            raise ValueError("give first or last, not both")

    def catalog(self) -> Iterator[OutgoingRecord]:
        """All items of the data set."""
        return (_item(self.topics, row) for row in self.dataset.items())

    def profiles(self) -> Iterator[OutgoingRecord]:
        """All users of the data set."""
        return (_profile(self.topics, row) for row in self.dataset.profiles())

    def events(self) -> Iterator[TimedRecord]:
        """The events, in the order in which they happened."""
        rows = self.rows()
        shift_ms = self.now_ms - rows[-1].timestamp if rows else 0
        pause_ms = None if self.events_per_s is None else 1000 / self.events_per_s
        for number, row in enumerate(rows):
            event = structs.replace(row, timestamp=row.timestamp + shift_ms)
            record = OutgoingRecord(self.topics.interactions, row.user_id.encode(), encode(event))
            yield TimedRecord(record, event.timestamp if pause_ms is None else self.now_ms + round(number * pause_ms))

    def rows(self) -> list[EventRow]:
        """The events with the times they had."""
        rows = list(self.dataset.events())
        if self.last is not None:
            return rows[max(0, len(rows) - self.last) :]
        return rows[: self.first]


@dataclass(frozen=True)
class SimulatedTraffic:
    """A simulated world; `count` or `until_ms` ends it (see `World.events`)."""

    world: World
    topics: Topics
    count: int | None = None
    until_ms: int | None = None

    def catalog(self) -> Iterator[OutgoingRecord]:
        """The items that exist at the start."""
        return (_item(self.topics, row) for row in self.world.catalog())

    def profiles(self) -> Iterator[OutgoingRecord]:
        """The profiles of those who have one."""
        return (_profile(self.topics, row) for row in self.world.profiles())

    def events(self) -> Iterator[TimedRecord]:
        """Events, duplicates and malformed records for the interactions topic, new items for the catalogue."""
        for record in self.world.events(self.count, self.until_ms):
            topic = self.topics.catalog if record.kind == "item" else self.topics.interactions
            yield TimedRecord(OutgoingRecord(topic, record.key, record.value, record.partition), record.due_ms)


def _item(topics: Topics, row: ItemRow) -> OutgoingRecord:
    return OutgoingRecord(topics.catalog, row.item_id.encode(), encode(row))


def _profile(topics: Topics, row: ProfileRow) -> OutgoingRecord:
    return OutgoingRecord(topics.profiles, row.user_id.encode(), encode(row))
