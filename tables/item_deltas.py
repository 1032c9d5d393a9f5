"""`item.deltas`: what one batch of one input partition tells one partition of the item plane, in one compact record.

Learning which items go together is symmetric, but items live in different partitions. So the partition of the event's
item gets the visit with its whole context, and the partition of each context item gets the pairs that concern it. One
record per pair would be 27 records an event; here a pair costs about 3 bytes: strings are kept once per record, and the
long columns are packed numbers that numpy reads without parsing.
"""

from collections.abc import Sequence
from functools import lru_cache

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.partitioning import partition_of
from tables.delta_entries import LATE, LEARNS, Entries
from tables.row_codec import RowCodec
from tables.signal import HOUR_MS, Signal

__all__ = ["Deltas", "Entries", "decode", "encode", "item_partition", "route", "tell_time"]

DELTA_VERSION = 2  # 2: the hours of groups
_REMEMBERED_OWNERS = 500_000
_MAX_U16 = 65_535


class _Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The stored form; hours and offsets are relative to their bases, packed columns are little-endian u16 (or u32
    when the table has more than 65,536 strings)."""

    version: int
    source_partition: int
    watermark_ms: int
    bases: tuple[int, int]
    strings: list[str]
    visits: tuple[bytes, bytes, bytes, bytes, list[int], list[int], bytes, bytes]
    groups: tuple[bytes, list[int], bytes, bytes, bytes]
    people: tuple[bytes, bytes, bytes]
    searches: tuple[bytes, bytes, list[int]]
    group_hours: list[int] = []


_CODEC = RowCodec(_Record, current=DELTA_VERSION)


class Deltas(msgspec.Struct, frozen=True, gc=False):
    """A decoded record; see Entries for the columns. Numbers in `items`, `countries`, `context`, `group_items`,
    `others`, `queries` and `query_countries` are places in `strings`; `watermark_ms` is the highest that a
    signal brought, or the full hour that the source partition's passed since the record before.
    """

    source_partition: int
    watermark_ms: int
    strings: list[str]
    items: list[int]
    codes: bytes
    learns: list[bool]
    late: list[bool]
    countries: list[int]
    hours: list[int]
    offsets: list[int]
    context_sizes: NDArray[np.uint8]
    context: NDArray[np.unsignedinteger]
    group_items: NDArray[np.unsignedinteger]
    group_hours: list[int]
    group_offsets: list[int]
    group_sizes: NDArray[np.uint8]
    others: NDArray[np.unsignedinteger]
    lags: NDArray[np.uint8]
    viewers: list[int]
    completions: list[int]
    ratings: list[int]
    queries: list[int]
    query_countries: list[int]
    query_hours: list[int]

    def __len__(self) -> int:
        return len(self.items) + len(self.group_items) + len(self.queries)


class _Owners(dict[str, int]):
    """Partition by item id, remembered: a hash in Python costs more than folding the item."""

    def __init__(self, partitions: int) -> None:
        super().__init__()
        self._partitions = partitions

    def __missing__(self, item_id: str) -> int:
        if len(self) >= _REMEMBERED_OWNERS:
            self.clear()
        owner = self[item_id] = partition_of(item_id.encode(), self._partitions)
        return owner


_owners = lru_cache(maxsize=8)(_Owners)


def item_partition(item_id: str, partitions: int) -> int:
    """The partition of the item plane that owns `item_id`."""
    return _owners(partitions)[item_id]


def route(signals: Sequence[Signal], partitions: int) -> dict[int, Entries]:
    """Entries by target partition, in the order of the signals."""
    owners = _owners(partitions)
    targets: dict[int, Entries] = {}
    for signal in signals:
        if signal.query:
            _entries(targets, owners[signal.query]).add_search(signal)
            continue
        _entries(targets, owners[signal.item_id]).add_visit(signal)
        lags_of: dict[int, list[int]] = {}
        for lag, other in enumerate(signal.context):
            owner = owners[other]
            if owner in lags_of:
                lags_of[owner].append(lag)
            else:
                lags_of[owner] = [lag]
        for target, lags in lags_of.items():
            _entries(targets, target).add_pairs(signal, lags)
    return targets


def tell_time(targets: dict[int, Entries], partitions: int, watermark_ms: int) -> None:
    """Bring a watermark to every partition, by a tick to those without entries: buckets expire there too, although
    nobody touches what they hold."""
    for target in range(partitions):
        entries = _entries(targets, target)
        entries.watermark_ms = max(entries.watermark_ms, watermark_ms)


def _entries(targets: dict[int, Entries], target: int) -> Entries:
    entries = targets.get(target)
    if entries is None:
        entries = targets[target] = Entries()
    return entries


def encode(entries: Entries, source_partition: int, watermark_ms: int) -> bytes:
    """One record of `item.deltas`. Empty entries make a tick, which only moves the watermark."""
    dtype = _dtype(len(entries.strings))
    base_hour = min(entries.hours + entries.query_hours + entries.group_hours, default=0)
    base_offset = min(entries.offsets + entries.group_offsets, default=0)

    def packed(numbers: list[int]) -> bytes:
        return np.array(numbers, dtype=dtype).tobytes()

    visits = (
        packed(entries.items),
        bytes(entries.codes),
        bytes(entries.flags),
        packed(entries.countries),
        [hour - base_hour for hour in entries.hours],
        [offset - base_offset for offset in entries.offsets],
        bytes(entries.context_sizes),
        packed(entries.context),
    )
    groups = (
        packed(entries.group_items),
        [offset - base_offset for offset in entries.group_offsets],
        bytes(entries.group_sizes),
        packed(entries.others),
        bytes(entries.lags),
    )
    people = (
        np.array(entries.viewers, "<u4").tobytes(),
        np.array(entries.completions, "<i2").tobytes(),
        np.array(entries.ratings, "<u2").tobytes(),
    )
    searches = (
        packed(entries.queries),
        packed(entries.query_countries),
        [hour - base_hour for hour in entries.query_hours],
    )
    bases, strings = (base_hour, base_offset), list(entries.strings)
    group_hours = [hour - base_hour for hour in entries.group_hours]
    return _CODEC.encode(
        _Record(
            DELTA_VERSION, source_partition, watermark_ms, bases, strings, visits, groups, people, searches, group_hours
        )
    )


def decode(value: bytes) -> Deltas:
    """The record in `value`. Raises RowVersionError on a newer format, msgspec.ValidationError on damage."""
    record = _CODEC.decode(value)
    dtype = _dtype(len(record.strings))
    base_hour, base_offset = record.bases
    items, codes, flags, countries, hours, offsets, context_sizes, context = record.visits
    group_items, group_offsets, group_sizes, others, lags = record.groups
    # Version 1 did not say: its groups count as of the watermark.
    group_hours = record.group_hours or [record.watermark_ms // HOUR_MS - base_hour] * len(group_offsets)
    viewers, completions, ratings = record.people
    queries, query_countries, query_hours = record.searches
    return Deltas(
        record.source_partition,
        record.watermark_ms,
        record.strings,
        np.frombuffer(items, dtype).tolist(),
        codes,
        [bool(flag & LEARNS) for flag in flags],
        [bool(flag & LATE) for flag in flags],
        np.frombuffer(countries, dtype).tolist(),
        [hour + base_hour for hour in hours],
        [offset + base_offset for offset in offsets],
        np.frombuffer(context_sizes, np.uint8),
        np.frombuffer(context, dtype),
        np.frombuffer(group_items, dtype),
        [hour + base_hour for hour in group_hours],
        [offset + base_offset for offset in group_offsets],
        np.frombuffer(group_sizes, np.uint8),
        np.frombuffer(others, dtype),
        np.frombuffer(lags, np.uint8),
        np.frombuffer(viewers, "<u4").tolist(),
        np.frombuffer(completions, "<i2").tolist(),
        np.frombuffer(ratings, "<u2").tolist(),
        np.frombuffer(queries, dtype).tolist(),
        np.frombuffer(query_countries, dtype).tolist(),
        [hour + base_hour for hour in query_hours],
    )


def _dtype(strings: int) -> np.dtype[np.unsignedinteger]:
    return np.dtype("<u2") if strings <= _MAX_U16 + 1 else np.dtype("<u4")
