"""Users that are programs: bursts of far more actions in a minute than a person can do, all on the same few items."""

import heapq
from collections.abc import Iterable, Iterator
from itertools import count
from typing import Final

import numpy as np

from offline.datasets.rows import EventRow
from offline.simulator.activity import SimulatedEvent
from offline.simulator.preferences import Item
from offline.simulator.vocabulary import COUNTRIES

#: 240 actions a minute on average, well above the 100 that no person reaches.
_PAUSE_MS: Final = 250.0
_FIRST_WITHIN_MS: Final = 2000.0
_BURST_MS: Final = (120_000.0, 240_000.0)
_REST_MS: Final = (20 * 60_000.0, 60 * 60_000.0)
_TARGETS: Final = 3
_ACTIONS: Final = ("click", "click", "view", "like")


def bot_ids(users: int, bots: int) -> list[str]:
    """Their ids, which look like those of the `users` people."""
    return [f"u{users + number + 1}" for number in range(bots)]


def among_users(
    activity: Iterable[SimulatedEvent | Item], bots: Iterator[SimulatedEvent] | None
) -> Iterator[SimulatedEvent | Item]:
    """What people and bots do, in the order of time; without bots just `activity`."""
    if bots is None:
        yield from activity
        return
    waiting = next(bots)
    for happening in activity:
        while isinstance(happening, SimulatedEvent) and waiting.row.timestamp <= happening.row.timestamp:
            yield waiting
            waiting = next(bots)
        yield happening


def bots_at_work(seed: int, user_ids: list[str], items: list[Item], start_ms: int) -> Iterator[SimulatedEvent] | None:
    """What the bots do, without end and in the order of time; None without bots."""
    if not user_ids:
        return None
    each = (_actions(seed, number, user_id, items, start_ms) for number, user_id in enumerate(user_ids))
    return heapq.merge(*each, key=lambda simulated: simulated.row.timestamp)


def _actions(seed: int, number: int, user_id: str, items: list[Item], start_ms: int) -> Iterator[SimulatedEvent]:
    random = np.random.default_rng([seed, 3, number])
    targets = [items[int(index)].row.item_id for index in random.integers(len(items), size=_TARGETS)]
    country = COUNTRIES[int(random.integers(len(COUNTRIES)))][0]
    clock_ms = start_ms + random.random() * _FIRST_WITHIN_MS
    rests_at_ms = clock_ms + random.uniform(*_BURST_MS)
    for event in count(1):
        clock_ms += random.exponential(_PAUSE_MS)
        if clock_ms > rests_at_ms:
            clock_ms += random.uniform(*_REST_MS)
            rests_at_ms = clock_ms + random.uniform(*_BURST_MS)
        row = EventRow(
            event_id=f"sim-{seed}-{start_ms:x}-b{number}-{event}",
            event_type=_ACTIONS[int(random.integers(len(_ACTIONS)))],
            user_id=user_id,
            timestamp=int(clock_ms),
            item_id=targets[int(random.integers(_TARGETS))],
            device_type="web",
            country=country,
        )
        yield SimulatedEvent(row, 0.0, is_bot=True)
