"""`item.deltas`: what one batch of one input partition tells one partition of the item plane, in one compact record.

Learning which items go together is symmetric, but items live in different partitions. So the partition of the event's
item gets the visit with its whole context, and the partition of each context item gets the pairs that concern it. One
record per pair would be 27 records an event; here a pair costs about 3 bytes: strings are kept once per record, and the
long columns are packed numbers that numpy reads without parsing.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from streams.contract.units import HOUR_MS
from tables.columns import places_type
from tables.delta_entries import FIRST, LATE, LEARNS, OUT_OF_TRENDS, Entries, Ints
from tables.delta_routing import item_partition, route, tell_time
from tables.forward_decay import LAST_HOUR
from tables.row_codec import RowCodec
from tables.type_codes import CODE_OF

__all__ = ["Deltas", "Entries", "UnreadableDeltas", "check", "decode", "encode", "item_partition", "route", "tell_time"]

DELTA_VERSION = 4  # 2: the hours of groups; 3: what counts in no trend; 4: whose first use of an item, and no viewers
_MAX_CODE = max(CODE_OF.values())
_BYTE = np.dtype(np.uint8)


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
    in_trends: list[bool]
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
    first: list[bool]
    completions: list[int]
    ratings: list[int]
    queries: list[int]
    query_countries: list[int]
    query_hours: list[int]

    def __len__(self) -> int:
        return len(self.items) + len(self.group_items) + len(self.queries)


def encode(entries: Entries, source_partition: int, watermark_ms: int) -> bytes:
    """One record of `item.deltas`. Empty entries make a tick, which only moves the watermark."""
    dtype = places_type(len(entries.strings))
    base_hour = _lowest(entries.hours, entries.group_hours, entries.query_hours)
    base_offset = _lowest(entries.offsets, entries.group_offsets)

    def packed(numbers: Ints, dtype: np.dtype[np.integer] = dtype) -> bytes:
        return numbers.astype(dtype).tobytes()

    visits = (
        packed(entries.items),
        packed(entries.codes, _BYTE),
        packed(entries.flags, _BYTE),
        packed(entries.countries),
        (entries.hours - base_hour).tolist(),
        (entries.offsets - base_offset).tolist(),
        packed(entries.context_sizes, _BYTE),
        packed(entries.context),
    )
    groups = (
        packed(entries.group_items),
        (entries.group_offsets - base_offset).tolist(),
        packed(entries.group_sizes, _BYTE),
        packed(entries.others),
        packed(entries.lags, _BYTE),
    )
    people = (
        b"",  # hashes of users until format 3
        packed(entries.completions, np.dtype("<i2")),
        packed(entries.ratings, np.dtype("<u2")),
    )
    searches = (
        packed(entries.queries),
        packed(entries.query_countries),
        (entries.query_hours - base_hour).tolist(),
    )
    bases, group_hours = (base_hour, base_offset), (entries.group_hours - base_hour).tolist()
    return _CODEC.encode(
        _Record(
            DELTA_VERSION,
            source_partition,
            watermark_ms,
            bases,
            entries.strings,
            visits,
            groups,
            people,
            searches,
            group_hours,
        )
    )


def _lowest(*columns: Ints) -> int:
    joined = np.concatenate(columns)
    return int(joined.min()) if len(joined) else 0


class UnreadableDeltas(ValueError):
    """A record is damaged, of a newer format, or contradicts itself."""


def decode(value: bytes | None) -> Deltas:
    """The record in `value`. Raises `UnreadableDeltas`: what this returns can be folded."""
    try:
        deltas = _decoded(value or b"")
    except (ValueError, TypeError, OverflowError, msgspec.DecodeError) as error:
        raise UnreadableDeltas(f"no record of item.deltas: {error}") from None
    check(deltas)
    return deltas


def check(deltas: Deltas) -> None:
    """Raises `UnreadableDeltas` unless all columns fit together and all numbers are within what can be kept."""
    visits = (
        deltas.codes,
        deltas.learns,
        deltas.late,
        deltas.in_trends,
        deltas.countries,
        deltas.hours,
        deltas.offsets,
    )
    measures = (deltas.context_sizes, deltas.first, deltas.completions, deltas.ratings)
    groups = (deltas.group_hours, deltas.group_offsets, deltas.group_sizes)
    searches = (deltas.query_countries, deltas.query_hours)
    _require(all(len(column) == len(deltas.items) for column in (*visits, *measures)), "visits of unequal length")
    _require(all(len(column) == len(deltas.group_items) for column in groups), "groups of unequal length")
    _require(all(len(column) == len(deltas.queries) for column in searches), "searches of unequal length")
    _require(int(deltas.context_sizes.sum()) == len(deltas.context), "contexts of another length than they say")
    _require(int(deltas.group_sizes.sum()) == len(deltas.others) == len(deltas.lags), "others of another length")
    strings = len(deltas.strings)
    for column in (deltas.items, deltas.countries, deltas.queries, deltas.query_countries):
        _require(max(column, default=-1) < strings, "a place behind the last string")
    for packed in (deltas.context, deltas.group_items, deltas.others):
        _require(not len(packed) or int(packed.max()) < strings, "a place behind the last string")
    for hours in (deltas.hours, deltas.group_hours, deltas.query_hours):
        within = min(hours, default=0) >= 0 and max(hours, default=0) <= LAST_HOUR
        _require(within, "an hour outside the years 1970 to 2047")
    _require(0 <= deltas.watermark_ms <= (LAST_HOUR + 1) * HOUR_MS, "a watermark outside the years 1970 to 2047")
    _require(not deltas.codes or max(deltas.codes) <= _MAX_CODE, "an unknown type of event")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise UnreadableDeltas(f"no record of item.deltas: {otherwise}")


def _decoded(value: bytes) -> Deltas:
    record = _CODEC.decode(value)
    dtype = places_type(len(record.strings))
    base_hour, base_offset = record.bases
    items, codes, flags, countries, hours, offsets, context_sizes, context = record.visits
    group_items, group_offsets, group_sizes, others, lags = record.groups
    # Version 1 did not say: its groups count as of the watermark.
    group_hours = record.group_hours or [record.watermark_ms // HOUR_MS - base_hour] * len(group_offsets)
    _, completions, ratings = record.people
    queries, query_countries, query_hours = record.searches
    return Deltas(
        record.source_partition,
        record.watermark_ms,
        record.strings,
        np.frombuffer(items, dtype).tolist(),
        codes,
        [bool(flag & LEARNS) for flag in flags],
        [bool(flag & LATE) for flag in flags],
        [not flag & OUT_OF_TRENDS for flag in flags],
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
        [bool(flag & FIRST) for flag in flags],
        np.frombuffer(completions, "<i2").tolist(),
        np.frombuffer(ratings, "<u2").tolist(),
        np.frombuffer(queries, dtype).tolist(),
        np.frombuffer(query_countries, dtype).tolist(),
        [hour + base_hour for hour in query_hours],
    )
