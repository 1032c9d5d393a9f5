"""The item plane: all items of one partition of `item.deltas`, folded from what every input partition reports.

Counts and buckets are integers and depend on nothing but the set of deltas; neighbours are weights
that depend on the order of arrival within the float tolerance, and beyond it once a full shard lets its weakest go.
"""

from collections.abc import MutableMapping
from dataclasses import dataclass

from streams.contract.events import EventType
from streams.contract.units import DAY_MS
from tables import item_rows
from tables.buckets import Buckets
from tables.engagement import COUNTED_CODES, weight_of_code
from tables.item_deltas import Deltas, decode
from tables.item_learning import ItemLearning
from tables.item_rows import CountsRow, PlaneRow
from tables.signal import NO_COMPLETION
from tables.type_codes import CODE_OF

_HOURS_OF_DAY = 24
#: Rows of counts that stay decoded between two publications, about 0.5 KB each.
_DECODED_ROWS = 20_000
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
        self._counts: dict[str, CountsRow] = {}  # decoded
        self._counted: set[str] = set()  # since the last changes()
        self._learning = ItemLearning(store)
        stored = store.get(item_rows.PLANE)
        self._row = PlaneRow() if stored is None else item_rows.PLANE_CODEC.decode(stored)
        self._row_changed = False
        self._former: list[tuple[bytes, bytes | None]] = [
            (key, None) for key in store if key[:1] in item_rows.FORMER_KINDS
        ]

    @property
    def watermark_ms(self) -> int:
        """The highest watermark that any source partition reported."""
        return self._row.watermark_ms

    def apply(self, value: bytes) -> int:
        """Fold one record of `item.deltas` and return how many entries it had. Raises `UnreadableDeltas` and
        `KeyTaken` before anything is changed."""
        deltas = decode(value)
        numbers = self._learning.numbers(deltas)
        self._advance(deltas.watermark_ms)
        self._count(deltas)
        self._count_searches(deltas)
        self._learning.learn(deltas, numbers)
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
            deltas.late,
            deltas.in_trends,
            deltas.countries,
            deltas.hours,
            deltas.first,
            deltas.completions,
            deltas.ratings,
            strict=True,
        )
        for item, code, learns, late, in_trends, country, hour, first, completion, rating in columns:
            item_id = strings[item]
            row = self._counts_of(item_id)
            row.visits += learns
            row.viewers += first
            _measure(row, code, completion, rating)
            if code in COUNTED_CODES:
                row.events += 1
                if in_trends:
                    row.count_day(hour // _HOURS_OF_DAY, 1)
                    if not late:
                        weight = weight_of_code(code, completion)
                        self._buckets.count(hour, item_id, strings[country], horizon_hour, weight)

    def _count_searches(self, deltas: Deltas) -> None:
        strings = deltas.strings
        horizon_hour = self._query_buckets.horizon_hour(self._row.watermark_ms)
        for query, country, hour in zip(deltas.queries, deltas.query_countries, deltas.query_hours, strict=True):
            self._query_buckets.count(hour, strings[query], strings[country], horizon_hour)

    def _counts_of(self, item_id: str) -> CountsRow:
        self._counted.add(item_id)
        row = self._counts.get(item_id)
        if row is None:
            stored = self._store.get(item_rows.counts_key(item_id))
            row = CountsRow() if stored is None else item_rows.COUNTS_CODEC.decode(stored)
            self._counts[item_id] = row
        return row

    def changes(self, *, whole: bool = False) -> list[tuple[bytes, bytes | None]]:
        """Rows that changed since the last call (None = expired); the store is brought up to date too. `whole`: all of
        them, instead of some and records of what changed in the others."""
        changes = self._buckets.take_changes() + self._query_buckets.take_changes() + self._former
        self._former = []
        for item_id in sorted(self._counted):
            changes.append((item_rows.counts_key(item_id), item_rows.COUNTS_CODEC.encode(self._counts[item_id])))
        self._counted.clear()
        if len(self._counts) > _DECODED_ROWS:
            self._counts.clear()
        changes += self._learning.take_changes(whole=whole)
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
        row.count_rating(rating)
