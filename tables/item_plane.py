"""The item plane: all items of one partition of `item.deltas`, folded from what every input partition reports.

Counts, buckets and viewers are integers and sets and depend on nothing but the set of deltas; neighbours are weights
that depend on the order of arrival within the float tolerance, and beyond it once a full shard lets its weakest go.
"""

from collections.abc import Iterator, MutableMapping
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.events import EventType
from streams.units import DAY_MS
from tables import item_rows
from tables.buckets import Buckets
from tables.engagement import COUNTED_CODES
from tables.forward_decay import weight_of_hour, weights_of_hours
from tables.item_deltas import Deltas, decode
from tables.item_rows import CountsRow, NeighboursRow, PlaneRow, VisitsRow
from tables.neighbour_table import ItemNumbers, NeighbourTable
from tables.signal import NO_COMPLETION
from tables.type_codes import CODE_OF
from tables.viewers_by_item import ViewersByItem

LAG_DECAY = 0.85
_LAG_WEIGHTS = LAG_DECAY ** np.arange(256)
SUCCESSOR_WINDOW = 3
SUCCESSOR_DECAY = 0.6
_SUCCESSOR_WEIGHTS = SUCCESSOR_DECAY ** np.arange(SUCCESSOR_WINDOW)
_HOURS_OF_DAY = 24
_WATCH_START = CODE_OF[EventType.WATCH_START]
_WATCH_END = CODE_OF[EventType.WATCH_END]


@dataclass(frozen=True, slots=True)
class ItemLimits:
    """Settings of the item plane; the same for every worker of a model version, because they shape the rows."""

    bucket_retention_ms: int = 8 * DAY_MS


class ItemPlane:
    """The state of one partition over a `store` of raw rows, which stays up to date with `changes`."""

    def __init__(self, partition: int, store: MutableMapping[bytes, bytes], limits: ItemLimits) -> None:
        self.partition = partition
        self._store = store
        self._buckets = Buckets(store, limits.bucket_retention_ms)
        self._query_buckets = Buckets(store, limits.bucket_retention_ms, item_rows.QUERY_BUCKET)
        self._viewers = ViewersByItem(store)
        self._counts: dict[str, CountsRow] = {}  # decoded since the last changes()
        numbers = self._numbers = ItemNumbers()
        self._neighbours = NeighbourTable(numbers, item_rows.NEIGHBOUR_SHARDS, item_rows.SHARD_NEIGHBOURS)
        self._successors = NeighbourTable(numbers, item_rows.SUCCESSOR_SHARDS, item_rows.SHARD_SUCCESSORS)
        _restore(store, item_rows.NEIGHBOURS, self._neighbours)
        _restore(store, item_rows.SUCCESSORS, self._successors)
        self._visits: dict[str, VisitsRow] = {}  # decoded since the last changes()
        stored = store.get(item_rows.PLANE)
        self._row = PlaneRow() if stored is None else item_rows.PLANE_CODEC.decode(stored)
        self._row_changed = False

    @property
    def watermark_ms(self) -> int:
        """The highest watermark that any source partition reported."""
        return self._row.watermark_ms

    def apply(self, value: bytes) -> int:
        """Fold one record of `item.deltas` and return how many entries it had. Raises RowVersionError on a newer
        format."""
        deltas = decode(value)
        self._advance(deltas.watermark_ms)
        self._count(deltas)
        self._count_searches(deltas)
        self._learn(deltas)
        return len(deltas)

    def _advance(self, watermark_ms: int) -> None:
        if watermark_ms > self._row.watermark_ms:
            self._row.watermark_ms = watermark_ms
            self._row_changed = True
            for buckets in (self._buckets, self._query_buckets):
                buckets.expire(buckets.horizon_hour(watermark_ms))

    def _count(self, deltas: Deltas) -> None:
        strings = deltas.strings
        horizon_hour = self._buckets.horizon_hour(self._row.watermark_ms)
        columns = zip(
            deltas.items,
            deltas.codes,
            deltas.learns,
            deltas.countries,
            deltas.hours,
            deltas.viewers,
            deltas.completions,
            deltas.ratings,
            strict=True,
        )
        for item, code, learns, country, hour, viewer, completion, rating in columns:
            item_id = strings[item]
            row = self._counts_of(item_id)
            row.visits += learns
            if learns:
                self._visit(item_id, hour)
            _measure(row, code, completion, rating)
            if code in COUNTED_CODES:
                row.count(hour // _HOURS_OF_DAY, 1)
                self._buckets.count(hour, item_id, strings[country], horizon_hour)
                self._viewers.add(item_id, viewer)

    def _count_searches(self, deltas: Deltas) -> None:
        strings = deltas.strings
        horizon_hour = self._query_buckets.horizon_hour(self._row.watermark_ms)
        for query, country, hour in zip(deltas.queries, deltas.query_countries, deltas.query_hours, strict=True):
            self._query_buckets.count(hour, strings[query], strings[country], horizon_hour)

    def _counts_of(self, item_id: str) -> CountsRow:
        row = self._counts.get(item_id)
        if row is None:
            stored = self._store.get(item_rows.counts_key(item_id))
            row = CountsRow() if stored is None else item_rows.COUNTS_CODEC.decode(stored)
            self._counts[item_id] = row
        return row

    def _learn(self, deltas: Deltas) -> None:
        if not len(deltas.context) and not len(deltas.others):
            return
        number = np.array([self._numbers[name] for name in deltas.strings], np.int64)
        visited = np.repeat(number[deltas.items], deltas.context_sizes)
        visiting = np.repeat(number[deltas.group_items], deltas.group_sizes)
        others = number[deltas.others]
        ages = weights_of_hours(np.array(deltas.hours, np.float64))
        group_ages = np.repeat(weights_of_hours(np.array(deltas.group_hours, np.float64)), deltas.group_sizes)
        lags = np.concatenate([_places(deltas.context_sizes), deltas.lags])
        weights = _LAG_WEIGHTS[lags] * np.concatenate([np.repeat(ages, deltas.context_sizes), group_ages])
        neighbours = np.concatenate([number[deltas.context], visiting])
        self._neighbours.add(np.concatenate([visited, others]), neighbours, weights)
        close = deltas.lags < SUCCESSOR_WINDOW
        close_weights = _SUCCESSOR_WEIGHTS[deltas.lags[close]] * group_ages[close]
        self._successors.add(others[close], visiting[close], close_weights)

    def _visit(self, item_id: str, hour: int) -> None:
        row = self._visits.get(item_id)
        if row is None:
            stored = self._store.get(item_rows.visits_key(item_id))
            row = self._visits[item_id] = VisitsRow() if stored is None else item_rows.VISITS_CODEC.decode(stored)
        row.faded += weight_of_hour(hour)

    def changes(self) -> list[tuple[bytes, bytes | None]]:
        """Rows that changed since the last call (None = expired); the store is brought up to date too."""
        changes = self._buckets.take_changes() + self._query_buckets.take_changes() + self._viewers.take_changes()
        for item_id, row in self._counts.items():
            changes.append((item_rows.counts_key(item_id), item_rows.COUNTS_CODEC.encode(row)))
        self._counts.clear()
        for item_id, visits in self._visits.items():
            changes.append((item_rows.visits_key(item_id), item_rows.VISITS_CODEC.encode(visits)))
        self._visits.clear()
        changes += _touched(self._neighbours, item_rows.NEIGHBOURS)
        changes += _touched(self._successors, item_rows.SUCCESSORS)
        if self._row_changed:
            changes.append((item_rows.PLANE, item_rows.PLANE_CODEC.encode(self._row)))
            self._row_changed = False
        for key, value in changes:
            if value is None:
                self._store.pop(key, None)
            else:
                self._store[key] = value
        return changes


def _measure(row: CountsRow, code: int, completion: int, rating: int) -> None:
    row.watches += code == _WATCH_START
    if code == _WATCH_END and completion != NO_COMPLETION:
        row.completions += 1
        row.completion_sum += completion
    if rating:
        row.ratings += 1
        row.rating_sum += rating


def _places(sizes: NDArray[np.uint8]) -> NDArray[np.int64]:
    """0..n-1 for each size n, joined: the lag of each context entry."""
    ends = np.cumsum(sizes, dtype=np.int64)
    starts = np.repeat(ends - sizes, sizes)
    return np.arange(len(starts)) - starts


def _restore(store: MutableMapping[bytes, bytes], kind: bytes, table: NeighbourTable) -> None:
    for key, value in store.items():
        if key[:1] == kind:
            shard, item_id = item_rows.neighbours_of(key)
            row = item_rows.NEIGHBOURS_CODEC.decode(value)
            table.restore(item_id, shard, row.items, row.weights_array())


def _touched(table: NeighbourTable, kind: bytes) -> Iterator[tuple[bytes, bytes]]:
    for item_id, shard, neighbours, weights in table.take_touched():
        row = NeighboursRow(item_rows.NEIGHBOURS_ROW_VERSION, neighbours, weights.astype("<f4").tobytes())
        yield item_rows.neighbours_key(shard, item_id, kind), item_rows.NEIGHBOURS_CODEC.encode(row)
