"""Events for `freshet bench freshness`: who acts is what differs, everything else is alike. Seeded, endless."""

import time
from collections.abc import Iterator
from itertools import count, repeat
from typing import Final

import numpy as np

from offline.datasets.rows import EventRow, ItemRow, ProfileRow, encode
from offline.simulator.world import World
from offline.traffic import TimedRecord
from streams.kafka.producer import OutgoingRecord
from streams.kafka.topics import Topics

UNIFORM: Final = "uniform"
BURSTY: Final = "bursty"
#: How many events one of the bursty users sends before another takes the place, and how many act at a time.
BURST_EVENTS: Final = 20
BURSTS_AT_A_TIME: Final = 10
_TYPES: Final = ("impression", "click", "view", "watch_progress", "watch_end", "like", "skip", "rating")
_SHARES: Final = (0.2, 0.25, 0.15, 0.15, 0.1, 0.05, 0.05, 0.05)
_CHUNK: Final = 4096


class BenchTraffic:
    """A catalogue, profiles and events among `users` people and `items` items; popular items are used more (1/rank).

    `uniform`: every event is of anybody. `bursty`: few act at a time, each `BURST_EVENTS` times in a row.
    """

    def __init__(self, topics: Topics, users: int, items: int, seed: int = 7) -> None:
        world = World(seed, users, items, start_ms=_now_ms())
        self._topics = topics
        self._items: list[ItemRow] = list(world.catalog())
        self._profiles: list[ProfileRow] = list(world.profiles())
        self._users = users
        self._random = np.random.default_rng([seed, 11])
        weights = 1 / np.arange(1, items + 1)
        self._item_shares = weights / weights.sum()
        self._number = count()

    def reference_records(self) -> Iterator[OutgoingRecord]:
        """Catalogue and profiles."""
        for item in self._items:
            yield OutgoingRecord(self._topics.catalog, item.item_id.encode(), encode(item))
        for profile in self._profiles:
            yield OutgoingRecord(self._topics.profiles, profile.user_id.encode(), encode(profile))

    def events(self, kind: str) -> Iterator[OutgoingRecord]:
        """Endless; each bears the time at which it is asked for."""
        users = self._uniform() if kind == UNIFORM else self._bursty()
        while True:
            items = self._random.choice(len(self._items), _CHUNK, p=self._item_shares)
            types = self._random.choice(len(_TYPES), _CHUNK, p=_SHARES)
            for item, code in zip(items, types, strict=True):
                yield self._event(next(users), self._items[item].item_id, _TYPES[code])

    def timed(self, kind: str, events_per_s: float, seconds: float) -> Iterator[TimedRecord]:
        """Events due at an even pace."""
        due_ms = (round(number * 1000 / events_per_s) for number in range(round(events_per_s * seconds)))
        return (TimedRecord(record, due) for due, record in zip(due_ms, self.events(kind), strict=False))

    def _event(self, user: int, item_id: str, event_type: str) -> OutgoingRecord:
        user_id, number = f"b{user}", next(self._number)
        row = EventRow(
            event_id=f"bench-{number}",
            event_type=event_type,
            user_id=user_id,
            timestamp=_now_ms(),
            item_id=item_id,
            rating=4.0 if event_type == "rating" else None,
            completion_pct=95.0 if event_type == "watch_end" else None,
            session_id=f"s{user}",
        )
        return OutgoingRecord(self._topics.interactions, user_id.encode(), encode(row))

    def _uniform(self) -> Iterator[int]:
        while True:
            yield from self._random.integers(self._users, size=_CHUNK).tolist()

    def _bursty(self) -> Iterator[int]:
        acting = [repeat(0, 0)] * BURSTS_AT_A_TIME
        while True:
            slot = int(self._random.integers(BURSTS_AT_A_TIME))
            user = next(acting[slot], None)
            if user is None:
                acting[slot] = repeat(int(self._random.integers(self._users)), BURST_EVENTS)
            else:
                yield user


def _now_ms() -> int:
    return time.time_ns() // 1_000_000
