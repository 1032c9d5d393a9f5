"""Keeps `item_features:{version}`: figures about each item, for pages and for the models of others.

The owner of an item partition writes those of its items, a bounded number a round, in turn: what changed since it was
written, and what is so old that trends have faded. Nothing is computed when they are read.
"""

from collections.abc import Mapping

import msgspec
import numpy as np
from numpy.typing import NDArray

from serving.fragments import rfc3339
from serving.redis_writer import ListWriter
from serving.write_order import PartitionOwner
from tables.item_deltas import item_partition
from tables.item_model import ItemModel

FEATURES_PER_ROUND = 200
LOOKED_AT_PER_ROUND = 5_000
#: A day's trend has lost a thirtieth of it by then.
KEPT_MS = 30 * 60_000


class ItemFeatures:
    """The figures of the items of owned partitions. Redis is not asked what it holds: whatever it lost is there again
    after KEPT_MS."""

    def __init__(self, model: ItemModel, writer: ListWriter, partitions: int) -> None:
        self._model = model
        self._writer = writer
        self._partitions = partitions
        self._cursor = 0
        self._written: dict[int, tuple[int, int]] = {}  # with how many events, and when

    async def write(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> None:
        """Writes the next ones that are out of date. Raises RedisUnavailable; then they are due again."""
        due = self._due(owned, now_ms)
        if not due:
            return
        week = self._model.week_events(now_ms)
        for partition in {partition for _, partition in due}:
            indices = [index for index, place in due if place == partition]
            values = {int(self._model.keys.keys[index]): self._value(index, week, now_ms) for index in indices}
            if await self._writer.write_item_features(owned[partition], values):
                self._written |= {index: (int(self._model.events[index]), now_ms) for index in indices}

    def _due(self, owned: Mapping[int, PartitionOwner], now_ms: int) -> list[tuple[int, int]]:
        """Indices of items, each with its partition."""
        ids, events = self._model.ids, self._model.events
        due: list[tuple[int, int]] = []
        for _ in range(min(len(ids), LOOKED_AT_PER_ROUND)):
            index = self._cursor % len(ids)
            self._cursor = index + 1
            counted, at_ms = self._written.get(index, (-1, 0))
            if not ids[index] or (counted == events[index] and 0 <= now_ms - at_ms < KEPT_MS):
                continue
            partition = item_partition(ids[index], self._partitions)
            if partition not in owned:
                self._written.pop(index, None)  # whoever owns it writes it
                continue
            due.append((index, partition))
            if len(due) == FEATURES_PER_ROUND:
                break
        return due

    def _value(self, index: int, week: NDArray[np.float64], now_ms: int) -> bytes:
        priors, facts = self._model.priors, self._model.facts.of(index)
        is_known = index < len(priors.popularity)
        return msgspec.json.encode(
            {
                "popularity": _rounded(priors.popularity[index]) if is_known else 0.0,
                "trend_24h": _rounded(priors.trend_24h[index]) if is_known else 0.0,
                "trend_7d": _rounded(priors.trend_7d[index]) if is_known else 0.0,
                "events": facts.events,
                "events_7d": int(week[index]) if index < len(week) else 0,
                "watches": facts.watches,
                "viewers": facts.viewers,
                "average_completion_pct": _rounded(facts.average_completion_pct),
                "average_rating": _rounded(facts.average_rating),
                "updated_at": rfc3339(now_ms),
            }
        )


def _rounded(value: float | np.floating | None) -> float | None:
    return None if value is None else round(float(value), 4)
