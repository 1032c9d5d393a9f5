"""Hour buckets of the item plane: integer counts per (hour, item or query, country), and what they weigh, that truly
expire.

A bucket is kept exactly when its hour is not older than the retention behind the highest watermark that any source
partition reported. So what is stored depends neither on the order in which source partitions arrive nor on how far one
of them lags: an event that a fast partition's watermark shuts out would have expired anyway.
"""

from collections.abc import MutableMapping

from streams.contract.units import HOUR_MS
from tables import item_rows
from tables.item_rows import BucketRow

#: Rows that stay decoded between two publications, about 0.5 KB each.
_DECODED_ROWS = 20_000


class Buckets:
    """A view over the raw rows in `store`; buckets that changed lately stay decoded."""

    def __init__(self, store: MutableMapping[bytes, bytes], retention_ms: int, kind: bytes = item_rows.BUCKET) -> None:
        self._kind = kind
        self._store = store
        self._retention_ms = retention_ms
        self._keys_of_hour: dict[int, set[bytes]] = {}
        self._open: dict[bytes, BucketRow] = {}  # decoded
        self._changed: set[bytes] = set()  # since the last `take_changes`
        self._expired: list[bytes] = []
        for key in store:
            if key[:1] == kind:
                self._keys_of_hour.setdefault(item_rows.bucket_of(key)[0], set()).add(key)

    def count(self, hour: int, name: str, country: str, horizon_hour: int, weight: int = 1) -> None:
        """Count one event of a weight, unless its hour is before the horizon."""
        if hour < horizon_hour:
            return
        key = item_rows.bucket_key(hour, name, self._kind)
        row = self._open.get(key)
        if row is None:
            row = self._open[key] = _row_of(self._store.get(key))
            self._keys_of_hour.setdefault(hour, set()).add(key)
        self._changed.add(key)
        events = row.countries.get(country, 0)
        row.weights[country] = row.weights.get(country, events) + weight
        row.countries[country] = events + 1

    def horizon_hour(self, watermark_ms: int) -> int:
        """The oldest hour that is kept at a watermark."""
        return (watermark_ms - self._retention_ms) // HOUR_MS

    def expire(self, horizon_hour: int) -> None:
        """Drop every bucket before the horizon."""
        for hour in [hour for hour in self._keys_of_hour if hour < horizon_hour]:
            for key in sorted(self._keys_of_hour.pop(hour)):
                self._open.pop(key, None)
                self._changed.discard(key)
                self._expired.append(key)

    def take_changes(self) -> list[tuple[bytes, bytes | None]]:
        """Rows to write since the last call, expired ones as None."""
        changes: list[tuple[bytes, bytes | None]] = [(key, None) for key in self._expired]
        for key in sorted(self._changed):
            row = self._open[key]
            events = dict(sorted(row.countries.items()))
            weights = {name: weight for name, weight in sorted(row.weights.items()) if weight != events[name]}
            written = BucketRow(item_rows.BUCKET_ROW_VERSION, events, weights)
            changes.append((key, item_rows.BUCKET_CODEC.encode(written)))
        self._expired.clear()
        self._changed.clear()
        if len(self._open) > _DECODED_ROWS:
            self._open.clear()
        return changes


def _row_of(stored: bytes | None) -> BucketRow:
    return BucketRow(item_rows.BUCKET_ROW_VERSION, {}) if stored is None else item_rows.BUCKET_CODEC.decode(stored)
