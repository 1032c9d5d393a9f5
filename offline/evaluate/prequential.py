"""Prequential evaluation (Dawid, JRSS A 147, 1984): recommend, then learn. Every list is evaluated by the event that
came next, before anything knows of it.

The target is ranked among all items seen so far in the log that the user has not met; an item never seen before is a
miss. What was learned is the whole log up to the event, whether or not the events before it were evaluated.
"""

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from types import MappingProxyType

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.calibration import miscalibration
from offline.evaluate.recommender import Recommender
from streams.contract.catalog import CatalogItem
from streams.contract.events import Interaction

#: How long the lists are that are asked for: a target beyond it is a miss for every metric.
LIST_SIZE = 100
#: How much of each list is kept, for diversity and coverage.
KEPT = 20
MISS = LIST_SIZE

_Row = tuple[int, int, int, int, int, float, float]  # the first seven columns of Evaluated


class NotAList(Exception):
    """A recommender gave an item twice, or one that is not in the log so far."""


@dataclass(frozen=True, slots=True)
class Window:
    """Events `start` to `stop` - 1 are evaluated, every `every`-th of them beginning with `phase`."""

    start: int
    stop: int
    every: int = 1
    phase: int = 0

    def evaluators(self, number: int) -> bool:
        """Whether the event with this number is evaluated."""
        return self.start <= number < self.stop and (number - self.start) % self.every == self.phase


@dataclass(slots=True)
class EvaluatedEvents:
    """One row an evaluated event, parallel: `event` is its number in the log, `user` a number of its user, `rank` the
    place of the target from 0 (MISS = not listed), `history` how many items the user had met and `age` how many users
    the target, `novelty` the mean of -log2(share of users who met the item) over the top 10 in bits,
    `miscalibration` that of the top 10 (NaN without genres). `lists` are item numbers int32[n, 20], -1 where a list is
    shorter; `ids` their items. `seen_items` is how many there were at last, `met_listed` how many items were taken off
    the lists because their user had met them (longer ago than the model remembers)."""

    event: NDArray[np.int32]
    user: NDArray[np.int32]
    rank: NDArray[np.int16]
    history: NDArray[np.int32]
    age: NDArray[np.int32]
    novelty: NDArray[np.float32]
    miscalibration: NDArray[np.float32]
    lists: NDArray[np.int32]
    ids: list[str]
    seen_items: int
    met_listed: int

    def __len__(self) -> int:
        return len(self.rank)


@dataclass(slots=True)
class Observer:
    """What is known of the log so far without asking any model; `catalog` is known from the beginning."""

    catalog: Mapping[str, CatalogItem] = field(default_factory=dict)
    met: dict[str, set[str]] = field(default_factory=dict)
    users: dict[str, int] = field(default_factory=dict)  # user -> number
    items: dict[str, int] = field(default_factory=dict)  # item -> number, in order of appearance
    age: list[int] = field(default_factory=list)  # by item number: users who met it

    def note(self, event: Interaction) -> None:
        """The event is learned."""
        self.users.setdefault(event.user_id, len(self.users))
        self.met.setdefault(event.user_id, set()).add(event.item_id)
        number = self.items.setdefault(event.item_id, len(self.items))
        if number == len(self.age):
            self.age.append(0)
        self.age[number] += 1

    def genres(self, items: Iterable[str]) -> list[tuple[str, ...]]:
        """Those of each item that is described."""
        return [self.catalog[item_id].genres for item_id in items if item_id in self.catalog]

    def unmet(self, listed: Sequence[str], user_id: str) -> list[str]:
        """The list without what the user met. Raises `NotAList`."""
        if len(set(listed)) != len(listed):
            raise NotAList(f"the list of user {user_id} holds an item twice")
        for item_id in listed:
            if item_id not in self.items:
                raise NotAList(f"item {item_id} in the list of user {user_id} is not in the log so far")
        met = self.met.get(user_id, ())
        return [item_id for item_id in listed if item_id not in met]


def prequential(
    events: Sequence[Interaction],
    recommender: Recommender,
    window: Window,
    progress: Callable[[int], None] = lambda _: None,
    catalog: Mapping[str, CatalogItem] = MappingProxyType({}),
) -> EvaluatedEvents:
    """Replays `events` through `recommender` and evaluates those in `window`; `progress` hears how many are done.
    Raises `NotAList`."""
    witness = Observer(catalog)
    rows: list[_Row] = []
    lists: list[list[int]] = []
    met = 0
    for number, event in enumerate(events[: window.stop]):
        if window.evaluators(number):
            given = recommender.recommend(event.user_id, event.timestamp_ms, LIST_SIZE)
            listed = witness.unmet(given, event.user_id)
            met += len(given) - len(listed)
            rows.append(row_of(number, event, listed, witness))
            lists.append([witness.items[item_id] for item_id in listed[:KEPT]])
        recommender.learn(event)
        witness.note(event)
        if number % 1000 == 0:
            progress(number)
    return evaluated_of(rows, lists, witness, met)


def row_of(number: int, event: Interaction, listed: list[str], witness: Observer) -> _Row:
    """The row of an event, asked for with this number, whose user was given the list."""
    target = witness.items.get(event.item_id, -1)
    top = [witness.age[witness.items[item_id]] for item_id in listed[:10]]
    met = witness.met.get(event.user_id, ())
    novelty = float(np.mean(-np.log2(np.array(top) / len(witness.users)))) if top else 0.0
    return (
        number,
        witness.users.get(event.user_id, len(witness.users)),
        listed.index(event.item_id) if event.item_id in listed else MISS,
        len(met),
        witness.age[target] if target >= 0 else 0,
        novelty,
        miscalibration(witness.genres(met), witness.genres(listed[:10])),
    )


def evaluated_of(rows: list[_Row], lists: list[list[int]], witness: Observer, met: int) -> EvaluatedEvents:
    """All rows with the first items of their lists; `met` items were taken off."""
    kept = np.full((len(lists), KEPT), -1, np.int32)
    for row, listed in enumerate(lists):
        kept[row, : len(listed)] = listed
    columns = np.array(rows, np.float64).reshape(-1, 7).T
    return EvaluatedEvents(
        event=columns[0].astype(np.int32),
        user=columns[1].astype(np.int32),
        rank=columns[2].astype(np.int16),
        history=columns[3].astype(np.int32),
        age=columns[4].astype(np.int32),
        novelty=columns[5].astype(np.float32),
        miscalibration=columns[6].astype(np.float32),
        lists=kept,
        ids=list(witness.items),
        seen_items=len(witness.items),
        met_listed=met,
    )
