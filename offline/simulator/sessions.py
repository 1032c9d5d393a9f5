"""How a simulated person spends a visit: look around, open something, watch it or not, say what they think."""

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Final, NamedTuple

import numpy as np

from offline.simulator.catalogue import ReleasedCatalogue
from offline.simulator.preferences import Item, LatentPreferences, Person
from streams.contract.event_weights import FINISHED_PCT

_MOST_ITEMS: Final = 12
_SEARCH_SHARE: Final = 0.15


class SimulatedAction(NamedTuple):
    """One thing done; `item` is None for searches. The rest are fields of the event."""

    event_type: str
    item: Item | None
    rating: float | None = None
    watch_duration: float | None = None
    completion_pct: float | None = None
    query: str | None = None
    position: int | None = None


@dataclass
class Session:
    """One visit under way: `steps` yields what the person does next."""

    session_id: str
    person: Person
    device: str
    steps: Iterator[SimulatedAction]


def visit(
    person: Person,
    catalogue: ReleasedCatalogue,
    preferences: LatentPreferences,
    done: set[str],
    random: np.random.Generator,
) -> Iterator[SimulatedAction]:
    """Everything a person does in one visit. Adds what they finish to `done`."""
    if random.random() < _SEARCH_SHARE:
        favorites = person.favorite_genres
        yield SimulatedAction("search", None, query=favorites[int(random.integers(len(favorites)))].lower())
    for _ in range(min(_MOST_ITEMS, int(random.geometric(0.2)))):
        shown = catalogue.picks(person, int(random.integers(1, 4)), done, random)
        for position, item in enumerate(shown):
            yield SimulatedAction("impression", item, position=position)
        if shown:
            yield from _meet(shown[0], preferences.affinity(person, shown[0]), done, random)


def _meet(item: Item, affinity: float, done: set[str], random: np.random.Generator) -> Iterator[SimulatedAction]:
    """What follows from seeing an item that one likes by `affinity`, 0 to 1."""
    if random.random() > 0.2 + 0.7 * affinity:
        yield from _turn_away(item, affinity, random)
        return
    yield SimulatedAction("click", item)
    if random.random() < 0.3:
        yield SimulatedAction("view", item)
    if random.random() < 0.1 * affinity:
        yield SimulatedAction("add_to_list", item)
    if random.random() < 0.03 * affinity:
        yield SimulatedAction("purchase", item)
    if random.random() < 0.3 + 0.6 * affinity:
        yield from _watch(item, affinity, done, random)


def _turn_away(item: Item, affinity: float, random: np.random.Generator) -> Iterator[SimulatedAction]:
    chance = random.random()
    if affinity < 0.3 and chance < 0.1:
        yield SimulatedAction("hide", item)
    elif chance < 0.5:
        yield SimulatedAction("skip", item)


def _watch(item: Item, affinity: float, done: set[str], random: np.random.Generator) -> Iterator[SimulatedAction]:
    reached = round(100 * float(random.beta(1 + 8 * affinity, 1.2)), 1)
    yield SimulatedAction("watch_start" if random.random() < 0.8 else "play", item)
    for share in (0.3, 0.7):
        yield _progress("watch_progress", item, round(share * reached, 1))
    yield _progress("watch_end", item, reached)
    if reached >= FINISHED_PCT:
        done.add(item.row.item_id)
    chance = random.random()
    if chance < 0.25:
        stars = 1 + 4 * affinity + random.normal(scale=0.4)
        yield SimulatedAction("rating", item, rating=min(5.0, max(0.5, round(2 * stars) / 2)))
    elif affinity > 0.5 and chance < 0.5:
        yield SimulatedAction("like", item)
    elif affinity < 0.3 and chance < 0.5:
        yield SimulatedAction("dislike", item)


def _progress(event_type: str, item: Item, completion_pct: float) -> SimulatedAction:
    duration_s = (item.row.duration_s or 0) * completion_pct / 100
    return SimulatedAction(event_type, item, watch_duration=round(duration_s, 1), completion_pct=completion_pct)
