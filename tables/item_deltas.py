"""`item.deltas`: what one batch of one input partition tells one partition of the item plane, in one compact record.

Learning which items go together is symmetric, but items live in different partitions. So the partition of the event's
item gets the visit with its whole context, and the partition of each context item gets the pairs that concern it. One
record per pair would be 27 records an event; here a pair costs about 3 bytes.
"""

from collections.abc import Iterable, Sequence
from functools import lru_cache

import msgspec

from streams.partitioning import partition_of
from tables.row_codec import RowCodec
from tables.signal import Signal

DELTA_VERSION = 1
_CACHED_PARTITIONS = 200_000


class Visit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A signal for the partition that owns its item; `context` newest first (position = lag)."""

    item_id: str
    code: int
    learns: bool
    country: str
    hour: int
    late: bool
    offset: int
    context: list[str]


class Pairs(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visit of `item_id` for the partition that owns `others`, visited `lags` places before it (0 = just before)."""

    item_id: str
    offset: int
    others: list[str]
    lags: bytes


class Deltas(msgspec.Struct, frozen=True, gc=False):
    """A decoded record; `watermark_ms` is the source partition's after the batch."""

    source_partition: int
    watermark_ms: int
    visits: list[Visit]
    pairs: list[Pairs]


class _PackedVisit(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """A visit with strings replaced by their place in the table."""

    item: int
    code: int
    flags: int
    country: int
    hour: int
    offset: int
    context: list[int]


class _PackedPairs(msgspec.Struct, array_like=True, frozen=True, gc=False):
    item: int
    offset: int
    others: list[int]
    lags: bytes


class _Record(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The record: offsets and hours are relative to the bases."""

    version: int
    source_partition: int
    watermark_ms: int
    base_offset: int
    base_hour: int
    strings: list[str]
    visits: list[_PackedVisit]
    pairs: list[_PackedPairs]


_CODEC = RowCodec(_Record, current=DELTA_VERSION)
_LEARNS = 1
_LATE = 2


@lru_cache(maxsize=_CACHED_PARTITIONS)
def item_partition(item_id: str, partitions: int) -> int:
    """The partition of the item plane that owns `item_id`."""
    return partition_of(item_id.encode(), partitions)


def route(signals: Sequence[Signal], partitions: int) -> dict[int, list[Visit | Pairs]]:
    """Entries by target partition, in the order of the signals."""
    targets: dict[int, list[Visit | Pairs]] = {}
    for signal in signals:
        context = [item_id for item_id, _ in signal.context]
        visit = Visit(
            signal.item_id,
            signal.code,
            signal.learns,
            signal.country,
            signal.hour,
            signal.late,
            signal.offset,
            context,
        )
        targets.setdefault(item_partition(signal.item_id, partitions), []).append(visit)
        by_target: dict[int, tuple[list[str], bytearray]] = {}
        for lag, other in enumerate(context):
            others, lags = by_target.setdefault(item_partition(other, partitions), ([], bytearray()))
            others.append(other)
            lags.append(lag)
        for target, (others, lags) in by_target.items():
            pairs = Pairs(signal.item_id, signal.offset, others, bytes(lags))
            targets.setdefault(target, []).append(pairs)
    return targets


def encode(entries: Iterable[Visit | Pairs], source_partition: int, watermark_ms: int) -> bytes:
    """One record of `item.deltas`. No entries = a tick, which only moves the watermark of the source partition."""
    listed = list(entries)
    visits = [entry for entry in listed if isinstance(entry, Visit)]
    pairs = [entry for entry in listed if isinstance(entry, Pairs)]
    base_offset = min((entry.offset for entry in listed), default=0)
    base_hour = min((visit.hour for visit in visits), default=0)
    table = _StringTable()
    packed_visits = [_pack_visit(visit, table, base_offset, base_hour) for visit in visits]
    packed_pairs = [
        _PackedPairs(table[entry.item_id], entry.offset - base_offset, [table[o] for o in entry.others], entry.lags)
        for entry in pairs
    ]
    return _CODEC.encode(
        _Record(
            DELTA_VERSION,
            source_partition,
            watermark_ms,
            base_offset,
            base_hour,
            list(table),
            packed_visits,
            packed_pairs,
        )
    )


def decode(value: bytes) -> Deltas:
    """The record in `value`. Raises RowVersionError on a newer format, msgspec.ValidationError on damage."""
    record = _CODEC.decode(value)
    return Deltas(
        record.source_partition,
        record.watermark_ms,
        [_unpack_visit(visit, record) for visit in record.visits],
        [_unpack_pairs(pairs, record) for pairs in record.pairs],
    )


class _StringTable(dict[str, int]):
    """Numbers strings in order of first use."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


def _pack_visit(visit: Visit, table: _StringTable, base_offset: int, base_hour: int) -> _PackedVisit:
    return _PackedVisit(
        table[visit.item_id],
        visit.code,
        _LEARNS * visit.learns + _LATE * visit.late,
        table[visit.country],
        visit.hour - base_hour,
        visit.offset - base_offset,
        [table[item_id] for item_id in visit.context],
    )


def _unpack_visit(packed: _PackedVisit, record: _Record) -> Visit:
    strings = record.strings
    return Visit(
        strings[packed.item],
        packed.code,
        bool(packed.flags & _LEARNS),
        strings[packed.country],
        packed.hour + record.base_hour,
        bool(packed.flags & _LATE),
        packed.offset + record.base_offset,
        [strings[number] for number in packed.context],
    )


def _unpack_pairs(packed: _PackedPairs, record: _Record) -> Pairs:
    strings = record.strings
    others = [strings[number] for number in packed.others]
    return Pairs(strings[packed.item], packed.offset + record.base_offset, others, packed.lags)
