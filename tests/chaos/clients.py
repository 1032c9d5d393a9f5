"""Producers of several client libraries, each with what its library does about retries and partitions."""

import asyncio
import json
import random
import time
from collections.abc import Sequence
from contextlib import AsyncExitStack
from types import TracebackType
from typing import Any, NamedTuple, Protocol, Self

from aiokafka import AIOKafkaProducer
from kafka import KafkaProducer
from recount import DAY_MS, RecordPosition

USERS = 500
#: Of one user: less than a day's share that teaches the model, so that every rating is counted.
EVENTS_EACH = 40
ITEMS = 800
TYPES = ("view", "click", "play", "watch_progress", "like", "dislike", "rating", "purchase", "impression")
DUPLICATES, UNUSABLE = 0.02, 0.01
MINUTE_MS = 60_000


class Sent(NamedTuple):
    """What is published; `event_id` is None where the value has none."""

    event_id: str | None
    key: bytes
    value: bytes


class Client(Protocol):
    """One connection of one library."""

    async def publish(self, records: Sequence[Sent]) -> list[RecordPosition]:
        """Where the broker says the records are, once all are acknowledged."""


class Aiokafka:
    """aiokafka, idempotent."""

    def __init__(self, producer: AIOKafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def publish(self, records: Sequence[Sent]) -> list[RecordPosition]:
        """See `Client`."""
        sent = [await self._producer.send(self._topic, record.value, record.key) for record in records]
        return [RecordPosition(where.partition, where.offset) for where in await asyncio.gather(*sent)]


class KafkaPython:
    """kafka-python, compressed, whose retries may write a record twice: that makes duplicates of the same event."""

    def __init__(self, producer: KafkaProducer, topic: str) -> None:
        self._producer, self._topic = producer, topic

    async def publish(self, records: Sequence[Sent]) -> list[RecordPosition]:
        """See `Client`."""
        return await asyncio.to_thread(self._publish, records)

    def _publish(self, records: Sequence[Sent]) -> list[RecordPosition]:
        sent = [self._producer.send(self._topic, record.value, record.key) for record in records]
        self._producer.flush()
        return [RecordPosition(where.partition, where.offset) for where in (one.get() for one in sent)]


class Clients:
    """All of them, taking turns; `acknowledged` is what the broker took, event by event."""

    def __init__(self, bootstrap: str, topic: str, seed: int) -> None:
        self.acknowledged: dict[RecordPosition, str | None] = {}
        self._bootstrap, self._topic = bootstrap, topic
        self._random = random.Random(seed)
        self._recent: list[Sent] = []
        self._made = 0
        self._open = AsyncExitStack()
        self._clients: list[Client] = []

    async def __aenter__(self) -> Self:
        asynchronous = await self._open.enter_async_context(
            AIOKafkaProducer(bootstrap_servers=self._bootstrap, enable_idempotence=True)
        )
        blocking = await asyncio.to_thread(
            KafkaProducer,
            bootstrap_servers=self._bootstrap,
            acks="all",
            retries=1_000,
            enable_idempotence=False,
            compression_type="gzip",
        )
        self._open.push_async_callback(asyncio.to_thread, blocking.close)
        self._clients = [Aiokafka(asynchronous, self._topic), KafkaPython(blocking, self._topic)]
        return self

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, traceback: TracebackType | None
    ) -> None:
        await self._open.aclose()

    @property
    def names(self) -> list[str]:
        """The libraries."""
        return [type(client).__name__ for client in self._clients]

    async def publish(self, count: int) -> None:
        """About `count` more records, half by each client at the same time."""
        shares = [[self._next() for _ in range(count // len(self._clients))] for _ in self._clients]
        asked = zip(self._clients, shares, strict=True)
        places = await asyncio.gather(*(client.publish(share) for client, share in asked))
        for share, where in zip(shares, places, strict=True):
            self.acknowledged |= {
                place: record.event_id for place, record in zip(where, share, strict=True) if place.offset >= 0
            }

    def _next(self) -> Sent:
        luck = self._random.random()
        if luck < DUPLICATES and self._recent:
            return self._random.choice(self._recent)  # by whichever client
        number = self._made
        user = f"u{number // (USERS * EVENTS_EACH)}-{number % USERS}"
        if luck < DUPLICATES + UNUSABLE:
            return self._unusable(user)
        self._made += 1
        event = self._event(f"e{number}", user)
        sent = Sent(event["event_id"], user.encode(), json.dumps(event).encode())
        self._recent = [*self._recent[-200:], sent]
        return sent

    def _event(self, event_id: str, user: str) -> dict[str, Any]:
        kind = self._random.choice(TYPES)
        event: dict[str, Any] = {
            "event_id": event_id,
            "event_type": kind,
            "user_id": user,
            "item_id": f"i{min(int(self._random.expovariate(4 / ITEMS)), ITEMS - 1)}",
            "timestamp": time.time_ns() // 1_000_000 - self._random.randrange(MINUTE_MS),
        }
        if kind == "rating":
            event["rating"] = self._random.randrange(1, 11) / 2
        if kind == "watch_progress":
            event["completion_pct"] = self._random.randrange(1, 101)
        return event

    def _unusable(self, user: str) -> Sent:
        event = self._event(f"bad{self._random.randrange(10**9)}", user)
        broken: list[dict[str, Any] | bytes] = [
            b'{"event_type":"view","user_id"',
            b"[]",
            event | {"item_id": None},
            event | {"event_type": "rating", "rating": 9},
            event | {"timestamp": event["timestamp"] + DAY_MS},
            event | {"user_id": f"{user}x"},
            event | {"timestamp": event["timestamp"] - 100 * DAY_MS},
        ]
        chosen = self._random.choice(broken)
        if isinstance(chosen, bytes):
            return Sent(None, user.encode(), chosen)
        return Sent(chosen["event_id"], user.encode(), json.dumps(chosen).encode())


def catalogue_entry(number: int, **fields: object) -> dict[str, object]:
    """One item; every fifth is for grown-ups, every other one for children too."""
    maturity = "18" if number % 5 == 0 else ("all" if number % 2 else "12")
    genres = [f"g{number % 9}", f"g{number % 4}"]
    return {
        "item_id": f"i{number}",
        "title": f"Title {number}",
        "genres": genres,
        "duration_s": 3600,
        "maturity": maturity,
        **fields,
    }
