"""A small seeded stream of interactions: every kind, with duplicates, late events and records that cannot be used."""

import random
import secrets
import time
from collections.abc import Iterable, Iterator
from typing import TYPE_CHECKING

import orjson

from streams.kafka.producer import Acknowledgement, OutgoingRecord

if TYPE_CHECKING:
    from harness.cluster import Cluster

USERS = 400
ITEMS = 200
DAY_MS = 86_400_000
MINUTE_MS = 60_000
TYPES = ("view", "click", "play", "watch_progress", "watch_end", "like", "dislike", "rating", "purchase", "impression")
COUNTRIES = ("DE", "FR", "US", "")


def catalogue(topic: str) -> Iterator[OutgoingRecord]:
    """One entry an item; every fifth is for grown-ups."""
    for number in range(ITEMS):
        entry = {"item_id": f"i{number}", "title": f"Title {number}", "genres": [f"g{number % 7}"], "duration_s": 3600}
        entry |= {"maturity": "18" if number % 5 == 0 else "all"}
        yield OutgoingRecord(topic, f"i{number}".encode(), orjson.dumps(entry))


def children(topic: str, chosen: Iterable[int] = range(0, USERS, 10)) -> Iterator[OutgoingRecord]:
    """Profiles of children by the numbers of their users: what is for grown-ups may not be on their lists."""
    for number in chosen:
        profile = {"user_id": f"u{number}", "kids": True}
        yield OutgoingRecord(topic, f"u{number}".encode(), orjson.dumps(profile))


class Traffic:
    """An endless stream; the same seed makes the same one but for the time."""

    def __init__(self, topic: str, seed: int) -> None:
        self._topic = topic
        self._random = random.Random(seed)
        self._name = f"s{seed}"
        self._count = 0
        self._last: OutgoingRecord | None = None

    def records(self, count: int) -> list[OutgoingRecord]:
        """The next `count` records."""
        return [self._record() for _ in range(count)]

    def _record(self) -> OutgoingRecord:
        self._count += 1
        luck = self._random.random()
        if luck < 0.01 and self._last is not None:
            return self._last  # a duplicate, as a producer's retry would be
        user = b"u%d" % min(int(self._random.expovariate(6 / USERS)), USERS - 1)
        if luck < 0.013:
            return OutgoingRecord(self._topic, user, b'{"event_type":"view","user_id"')
        self._last = OutgoingRecord(self._topic, user, orjson.dumps(self._event(user.decode())))
        return self._last

    def _event(self, user: str) -> dict[str, object]:
        kind = self._random.choice(TYPES)
        event: dict[str, object] = {
            "event_id": f"{self._name}-{self._count}",
            "event_type": kind,
            "user_id": user,
            "item_id": f"i{min(int(self._random.expovariate(5 / ITEMS)), ITEMS - 1)}",
            "timestamp": time.time_ns() // 1_000_000 - self._age_ms(),
        }
        if kind == "rating":
            event["rating"] = self._random.randrange(1, 6)
        if kind in ("watch_progress", "watch_end"):
            event["completion_pct"] = self._random.randrange(0, 101)
            event["watch_duration"] = self._random.randrange(0, 3600)
        if country := self._random.choice(COUNTRIES):
            event["country"] = country
        return event

    def _age_ms(self) -> int:
        luck = self._random.random()
        if luck < 0.005:
            return 100 * DAY_MS  # older than the retention: a dead letter
        if luck < 0.03:
            return 30 * MINUTE_MS  # late
        return self._random.randrange(MINUTE_MS)


async def publish_event(cluster: "Cluster", user: str, item: str, **fields: object) -> Acknowledgement:
    """A view just now, unless `fields` say otherwise."""
    return await cluster.publish_one(event_record(cluster.topics.interactions, user, item, **fields))


def event_record(topic: str, user: str, item: str, **fields: object) -> OutgoingRecord:
    """A view just now, unless `fields` say otherwise."""
    event = {
        "event_id": secrets.token_hex(8),
        "event_type": "view",
        "user_id": user,
        "item_id": item,
        "timestamp": time.time_ns() // 1_000_000,
        **fields,
    }
    return OutgoingRecord(topic, user.encode(), orjson.dumps(event))
