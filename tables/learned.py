"""What some records of `item.deltas` taught the items of one partition about each other, as one record of `item.model`.

    b"l" + number       the columns of the records, joined; items are places in a table of 64-bit keys

The owner of the partition and all followers add it to the same rows by the same steps (`tables.associations`), so they
hold the same weights, to the last bit. A pair takes two bytes here, and some three hundred in a row that is written
again.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tables.columns import places_type
from tables.forward_decay import LAST_HOUR, weights_of_hours
from tables.item_deltas import Deltas
from tables.item_keys import STORED, Keys, Numbers
from tables.row_codec import RowCodec, Whole

LEARNED_VERSION: Final = 1
LAG_DECAY: Final = 0.85
SUCCESSOR_WINDOW: Final = 3
SUCCESSOR_DECAY: Final = 0.6
_LAG_WEIGHTS = LAG_DECAY ** np.arange(256)
_SUCCESSOR_WEIGHTS = SUCCESSOR_DECAY ** np.arange(SUCCESSOR_WINDOW)
_BYTE = np.dtype(np.uint8)

Ints = NDArray[np.int64]
Floats = NDArray[np.float32]


class LearnedRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """The stored form of `Learned`. Hours are relative to `base_hour`; packed columns are little-endian, places u16 (or
    u32 when there are more than 65,536 keys)."""

    version: int
    number: Whole
    keys: bytes
    base_hour: Whole
    visits: tuple[bytes, list[Whole], bytes, bytes]
    groups: tuple[bytes, list[Whole], bytes, bytes, bytes]


CODEC = RowCodec(LearnedRow, current=LEARNED_VERSION)


@dataclass(frozen=True, slots=True)
class Learned:
    """`number` counts what the partition learned. `keys` uint64[items] are all items; `visited`, `context`, `visiting`
    and `others` are places in it. A visit has an hour since the epoch and the `sizes` of its context, newest first; a
    group is a visit of an item of any partition and the `others` of this one that were used before it, `lags` places
    before."""

    number: int
    keys: Keys
    visited: Ints
    hours: Ints
    sizes: Ints
    context: Ints
    visiting: Ints
    group_hours: Ints
    group_sizes: Ints
    others: Ints
    lags: Ints

    def owned(self) -> NDArray[np.bool_]:
        """bool[items]: whose rows it changes."""
        owned = np.zeros(len(self.keys), np.bool_)
        owned[self.visited] = owned[self.others] = True
        return owned


@dataclass(frozen=True, slots=True)
class Pairs:
    """Weights float32[pairs] to add to the `neighbours` of `items`, both places in the table of keys."""

    items: Ints
    neighbours: Ints
    weights: Floats


def encode(learned: Learned) -> bytes:
    """The value of its record."""
    place = places_type(len(learned.keys))
    hours = np.concatenate([learned.hours, learned.group_hours])
    base_hour = int(hours.min(initial=LAST_HOUR))

    def packed(numbers: Ints, dtype: np.dtype[np.integer] = place) -> bytes:
        return numbers.astype(dtype).tobytes()

    visits = (
        packed(learned.visited),
        (learned.hours - base_hour).tolist(),
        packed(learned.sizes, _BYTE),
        packed(learned.context),
    )
    groups = (
        packed(learned.visiting),
        (learned.group_hours - base_hour).tolist(),
        packed(learned.group_sizes, _BYTE),
        packed(learned.others),
        packed(learned.lags, _BYTE),
    )
    keys = learned.keys.astype(STORED).tobytes()
    return CODEC.encode(LearnedRow(LEARNED_VERSION, learned.number, keys, base_hour, visits, groups))


def decode(value: bytes) -> Learned:
    """What a record says. Raises ValueError (and msgspec's own) unless all columns fit together and all numbers are
    within what can be kept."""
    row = CODEC.decode(value)
    keys = np.frombuffer(row.keys, STORED).astype(np.uint64)
    place = places_type(len(keys))
    visited, hours, sizes, context = row.visits
    visiting, group_hours, group_sizes, others, lags = row.groups

    def unpacked(column: bytes, dtype: np.dtype[np.integer] = place) -> Ints:
        return np.frombuffer(column, dtype).astype(np.int64)

    learned = Learned(
        row.number,
        keys,
        unpacked(visited),
        np.array(hours, np.int64) + row.base_hour,
        unpacked(sizes, _BYTE),
        unpacked(context),
        unpacked(visiting),
        np.array(group_hours, np.int64) + row.base_hour,
        unpacked(group_sizes, _BYTE),
        unpacked(others),
        unpacked(lags, _BYTE),
    )
    _check(learned)
    return learned


def _check(learned: Learned) -> None:
    visits, groups = (learned.hours, learned.sizes), (learned.group_hours, learned.group_sizes)
    _require(learned.number > 0, "a number that no record has")
    _require(all(len(column) == len(learned.visited) for column in visits), "visits of unequal length")
    _require(all(len(column) == len(learned.visiting) for column in groups), "groups of unequal length")
    _require(int(learned.sizes.sum()) == len(learned.context), "contexts of another length than they say")
    grouped = int(learned.group_sizes.sum())
    _require(grouped == len(learned.others) == len(learned.lags), "others of another length than they say")
    for places in (learned.visited, learned.context, learned.visiting, learned.others):
        _require(int(places.max(initial=-1)) < len(learned.keys), "a place behind the last key")
    for hours in (learned.hours, learned.group_hours):
        within = int(hours.min(initial=0)) >= 0 and int(hours.max(initial=0)) <= LAST_HOUR
        _require(within, "an hour outside the years 1970 to 2047")


def _require(condition: bool, otherwise: str) -> None:
    if not condition:
        raise ValueError(f"no record of what items learned: {otherwise}")


def neighbour_pairs(learned: Learned) -> Pairs:
    """Which items are used together."""
    visited = np.repeat(learned.visited, learned.sizes)
    visiting = np.repeat(learned.visiting, learned.group_sizes)
    ages = np.repeat(_ages(learned.hours), learned.sizes)
    group_ages = np.repeat(_ages(learned.group_hours), learned.group_sizes)
    lags = np.concatenate([_lags(learned.sizes), learned.lags])
    weights = (_LAG_WEIGHTS[lags] * np.concatenate([ages, group_ages])).astype(np.float32)
    return Pairs(np.concatenate([visited, learned.others]), np.concatenate([learned.context, visiting]), weights)


def successor_pairs(learned: Learned) -> Pairs:
    """Which items are used right after which."""
    close = np.flatnonzero(learned.lags < SUCCESSOR_WINDOW)
    group = np.repeat(np.arange(len(learned.visiting)), learned.group_sizes)[close]
    weights = _SUCCESSOR_WEIGHTS[learned.lags[close]] * _ages(learned.group_hours)[group]
    return Pairs(learned.others[close], learned.visiting[group], weights.astype(np.float32))


def visit_weights(learned: Learned) -> NDArray[np.float64]:
    """float64[visits]: what each visit counts."""
    return _ages(learned.hours)


def _ages(hours: Ints) -> NDArray[np.float64]:
    return weights_of_hours(hours.astype(np.float64))


def _lags(sizes: Ints) -> Ints:
    """0..n-1 for each size n, joined: the lag of each context entry."""
    ends = np.cumsum(sizes)
    starts = np.repeat(ends - sizes, sizes)
    return np.arange(len(starts)) - starts


class Waiting:
    """What records taught that is in no row yet, with items as numbers."""

    def __init__(self) -> None:
        self._records: list[tuple[Deltas, Numbers]] = []
        #: Elements of contexts and groups: what the record will mostly consist of.
        self.size = 0

    def __bool__(self) -> bool:
        return bool(self._records)

    def add(self, deltas: Deltas, numbers: Numbers) -> None:
        """`numbers` int32[strings] are the items' where a string is one that the record learns of."""
        self._records.append((deltas, numbers))
        self.size += size_of(deltas)

    def take(self, number: int, keys: Keys) -> Learned:
        """All of it, under a number; `keys` are the items' by number."""
        records, self._records, self.size = self._records, [], 0
        learns = [np.array(deltas.learns, np.bool_) for deltas, _ in records]
        visits = list(zip(records, learns, strict=True))
        visited = _joined([numbers[np.array(d.items, np.int64)[which]] for (d, numbers), which in visits])
        context = _joined([numbers[d.context][np.repeat(which, d.context_sizes)] for (d, numbers), which in visits])
        visiting = _joined([numbers[d.group_items] for d, numbers in records])
        others = _joined([numbers[d.others] for d, numbers in records])
        used = np.zeros(len(keys), np.bool_)
        for column in (visited, context, visiting, others):
            used[column] = True
        named = np.flatnonzero(used)
        places = np.empty(len(keys), np.int64)
        places[named] = np.arange(len(named))
        return Learned(
            number,
            keys[named],
            places[visited],
            _joined([np.array(d.hours, np.int64)[which] for (d, _), which in visits]),
            _joined([d.context_sizes[which] for (d, _), which in visits]),
            places[context],
            places[visiting],
            _joined([np.array(d.group_hours, np.int64) for d, _ in records]),
            _joined([d.group_sizes for d, _ in records]),
            places[others],
            _joined([d.lags for d, _ in records]),
        )


def size_of(deltas: Deltas) -> int:
    """Elements of contexts and groups in a record."""
    return len(deltas.context) + len(deltas.others)


def _joined(columns: Sequence[NDArray[np.integer]]) -> Ints:
    return np.concatenate(columns).astype(np.int64)
