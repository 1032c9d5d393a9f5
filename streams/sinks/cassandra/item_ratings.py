"""How items are rated, from Freshet's own folded state: the records of `item.model`, followed in full.

The owners of items have counted the ratings already, each event once. What is written is their count as it is, so
nothing is read before it is written and nothing is added up twice. The topic is compacted; it is read from its start
whenever a process begins, and what was written before is written again, in its own place.
"""

from __future__ import annotations

import asyncio
import threading
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass
from typing import Final, NamedTuple

from streams.kafka.bulk_read import bulk_consumer, partitions_of

#: Items whose ratings wait to be written; more are not read.
MOST_WAITING: Final = 50_000
_POLL_MS: Final = 200
_PAUSE_S: Final = 0.05


class ItemRatings(NamedTuple):
    """All ratings of one item: how many, their sum in stars, and how many by half stars (0.5 to 5)."""

    number: int
    total: float
    distribution: Mapping[float, int]


#: What a record of `item.model` says of an item's ratings; None = nothing.
Decode = Callable[[bytes, bytes | None], tuple[str, ItemRatings] | None]


class RatedItem(NamedTuple):
    """An item's ratings as they were published at `published_ms`, the record's time."""

    item_id: str
    ratings: ItemRatings
    published_ms: int


@dataclass(frozen=True, slots=True)
class ItemRatingsSource:
    """Where ratings are published, and by which version; `decode` knows how."""

    bootstrap: str
    topic: str
    model_version: str
    decode: Decode


class ItemRatingsReader:
    """Follows the topic in a thread of its own, from `start` on. Of an item only what is newest waits."""

    def __init__(self, source: ItemRatingsSource) -> None:
        self._source = source
        self._waiting: dict[str, RatedItem] = {}
        self._lock = threading.Lock()
        self._stopping = threading.Event()
        self._thread = ThreadPoolExecutor(1, "item-ratings")
        self._following: Future[None] | None = None

    @property
    def is_started(self) -> bool:
        """Whether it follows."""
        return self._following is not None

    def start(self) -> None:
        """Begins to follow, unless it does."""
        if self._following is None:
            self._following = self._thread.submit(asyncio.run, self._follow())

    def take(self, most: int) -> Sequence[RatedItem]:
        """Up to so many items that are rated otherwise than before. Raises what ended the thread."""
        if self._following is not None and self._following.done():
            self._following.result()
        with self._lock:
            return [self._waiting.pop(item_id) for item_id in list(self._waiting)[:most]]

    def put_back(self, items: Sequence[RatedItem]) -> None:
        """What could not be written waits again, unless something newer does."""
        with self._lock:
            for item in items:
                self._waiting.setdefault(item.item_id, item)

    def stop(self) -> None:
        """Ends the thread."""
        self._stopping.set()
        self._thread.shutdown()

    async def _follow(self) -> None:
        async with bulk_consumer(self._source.bootstrap) as consumer:
            partitions = await partitions_of(consumer, [self._source.topic])
            consumer.assign(partitions)
            await consumer.seek_to_beginning(*partitions)
            while not self._stopping.is_set():
                if len(self._waiting) >= MOST_WAITING:
                    await asyncio.sleep(_PAUSE_S)
                    continue
                found = await consumer.getmany(timeout_ms=_POLL_MS)
                for records in found.values():
                    for record in records:
                        self._put(record.key or b"", record.value, record.timestamp)

    def _put(self, key: bytes, value: bytes | None, published_ms: int) -> None:
        said = self._source.decode(key, value)
        if said is not None:
            item_id, ratings = said
            with self._lock:
                self._waiting[item_id] = RatedItem(item_id, ratings, published_ms)
