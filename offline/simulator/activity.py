"""What happens in the simulated world, one event after the other, without any mistake."""

from collections.abc import Iterator
from typing import Final, NamedTuple

import numpy as np

from offline.datasets.rows import EventRow
from offline.simulator.catalogue import ReleasedCatalogue
from offline.simulator.changes import Changes
from offline.simulator.preferences import Item, LatentPreferences, Person
from offline.simulator.sessions import Session, SimulatedAction, visit

_SECONDS_BETWEEN_STEPS: Final = 5.0
_SECOND_DEVICE_SHARE: Final = 0.25


class SimulatedEvent(NamedTuple):
    """A valid event and how much its user likes its item, 0 to 1 (0 for searches and for bots)."""

    row: EventRow
    affinity: float
    is_bot: bool = False


class SimulatedActivity:
    """Goes on forever: iterate over it for events and, now and then, a newly released item.

    People come back as often as their activity says. So many visits go on at a time that a person does something
    every few seconds when all of them together do `events_per_s`.
    """

    def __init__(
        self,
        seed: int,
        preferences: LatentPreferences,
        people: list[Person],
        items: list[Item],
        start_ms: int,
        events_per_s: float,
        new_items_per_1000: float,
        changes: Changes,
    ) -> None:
        self._changes = changes
        self._devices = np.random.default_rng([seed, 5])
        self._random = np.random.default_rng([seed, 1])
        self._preferences = preferences
        self._people = people
        self._activity = np.cumsum([person.activity for person in people])
        self._catalogue = ReleasedCatalogue(items)
        self._done: dict[str, set[str]] = {}
        self._origin = f"sim-{seed}-{start_ms:x}"
        self._clock_ms = float(start_ms)
        self._pause_ms = 1000 / events_per_s
        self._new_item_chance = new_items_per_1000 / 1000
        self._events = self._visits = 0
        at_a_time = min(max(1, len(people) // 2), max(1, round(events_per_s * _SECONDS_BETWEEN_STEPS)))
        self._visiting: set[str] = set()
        self._sessions = [self._begin() for _ in range(at_a_time)]

    @property
    def now_ms(self) -> int:
        """The time of the last thing that happened."""
        return int(self._clock_ms)

    def __iter__(self) -> Iterator[SimulatedEvent | Item]:
        while True:
            self._clock_ms += self._random.exponential(self._pause_ms)
            if self._random.random() < self._new_item_chance:
                item = self._preferences.next_item(self.now_ms)
                self._catalogue.put(item)
                yield item
            yield self._step()

    def _step(self) -> SimulatedEvent:
        """The next thing that somebody does, in a new visit when theirs is over."""
        slot = int(self._random.integers(len(self._sessions)))
        while (step := next(self._sessions[slot].steps, None)) is None:
            self._visiting.discard(self._sessions[slot].person.user_id)
            self._sessions[slot] = self._begin()
        return self._simulated(self._sessions[slot], step)

    def _begin(self) -> Session:
        person = self._somebody()
        while person.user_id in self._visiting:
            person = self._somebody()
        self._visiting.add(person.user_id)
        self._visits += 1
        done = self._done.setdefault(person.user_id, set())
        person = self._changes.person_at(person, self.now_ms)
        device = person.second_device if self._devices.random() < _SECOND_DEVICE_SHARE else person.device
        steps = visit(person, self._catalogue, self._preferences, done, self._random)
        return Session(f"{self._origin}-s{self._visits}", person, device, steps)

    def _somebody(self) -> Person:
        chance = self._random.random() * self._activity[-1]
        return self._people[int(np.searchsorted(self._activity, chance))]

    def _simulated(self, session: Session, step: SimulatedAction) -> SimulatedEvent:
        self._events += 1
        person = session.person
        row = EventRow(
            event_id=f"{self._origin}-{self._events}",
            event_type=step.event_type,
            user_id=person.user_id,
            timestamp=self.now_ms,
            item_id=None if step.item is None else step.item.row.item_id,
            rating=step.rating,
            watch_duration=step.watch_duration,
            completion_pct=step.completion_pct,
            session_id=session.session_id,
            device_type=session.device,
            country=person.country,
            query=step.query,
            position=step.position,
        )
        return SimulatedEvent(row, 0.0 if step.item is None else self._preferences.affinity(person, step.item))
