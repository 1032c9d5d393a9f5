"""Which partition of the item plane is told what of a batch: whole columns at a time, not event by event.

The signals of a batch become columns of numbers once; what concerns a target partition is then a choice of rows. Event
by event in Python this took a sixth of all the time it takes to fold.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import numpy as np
from numpy.typing import NDArray

from streams.contract.partitioning import partition_of
from tables.delta_entries import FIRST, LATE, LEARNS, OUT_OF_TRENDS, Entries, Ints
from tables.signal import Signal

_REMEMBERED_OWNERS = 500_000


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


class _StringTable(dict[str, int]):
    """Numbers strings in order of first use."""

    def __missing__(self, text: str) -> int:
        number = self[text] = len(self)
        return number


def _flags(signal: Signal) -> int:
    out_of_trends = OUT_OF_TRENDS * (not signal.in_trends)
    return LEARNS * signal.learns + LATE * signal.late + out_of_trends + FIRST * signal.first


def item_partition(item_id: str, partitions: int) -> int:
    """The partition of the item plane that owns `item_id`."""
    return _owners(partitions)[item_id]


def route(signals: Sequence[Signal], partitions: int) -> dict[int, Entries]:
    """Entries by target partition, in the order of the signals."""
    if not signals:
        return {}
    batch = _SignalBatch.of(signals, partitions)
    return {target: batch.entries_for(target) for target in batch.targets()}


def tell_time(targets: dict[int, Entries], partitions: int, watermark_ms: int) -> None:
    """Bring a watermark to every partition, by a tick to those without entries: buckets expire there too, although
    nobody touches what they hold."""
    for target in range(partitions):
        entries = targets.setdefault(target, Entries())
        entries.watermark_ms = max(entries.watermark_ms, watermark_ms)


@dataclass(frozen=True, slots=True)
class _SignalBatch:
    """The signals of one batch. `names` are all strings; `subjects` int64[signals] the number of each signal's item or
    query and `owners` the partition of it. A pair is an element of a signal's context: `others` int64[pairs], their
    `other_owners`, the signal they belong to (`pair_signals`) and their place in its context (`lags`)."""

    signals: Sequence[Signal]
    names: list[str]
    is_search: NDArray[np.bool_]
    subjects: Ints
    owners: Ints
    countries: Ints
    hours: Ints
    offsets: Ints
    watermarks_ms: Ints
    context_sizes: Ints
    others: Ints
    other_owners: Ints
    pair_signals: Ints
    lags: Ints

    @classmethod
    def of(cls, signals: Sequence[Signal], partitions: int) -> "_SignalBatch":
        number = _StringTable()
        subjects = np.array([number[signal.query or signal.item_id] for signal in signals])
        others = np.array([number[other] for signal in signals for other in signal.context], np.int64)
        countries = np.array([number[signal.country] for signal in signals])
        owner_of = _owners(partitions)
        owners = np.array([owner_of[name] for name in number])
        sizes = np.array([len(signal.context) for signal in signals])
        starts = np.cumsum(sizes) - sizes
        return cls(
            signals,
            list(number),
            np.array([bool(signal.query) for signal in signals]),
            subjects,
            owners[subjects],
            countries,
            np.array([signal.hour for signal in signals]),
            np.array([signal.offset for signal in signals]),
            np.array([signal.watermark_ms for signal in signals]),
            sizes,
            others,
            owners[others],
            np.repeat(np.arange(len(signals)), sizes),
            np.arange(len(others)) - np.repeat(starts, sizes),
        )

    def targets(self) -> list[int]:
        """The partitions that are told anything."""
        return np.flatnonzero(np.bincount(np.concatenate([self.owners, self.other_owners]))).tolist()

    def entries_for(self, target: int) -> Entries:
        """What one partition is told."""
        owned = self.owners == target
        visits, searches = np.flatnonzero(owned & ~self.is_search), np.flatnonzero(owned & self.is_search)
        pairs = np.flatnonzero(self.other_owners == target)
        paired = self.pair_signals[pairs]
        firsts = np.flatnonzero(np.diff(paired, prepend=-1))  # where the pairs of another signal begin
        groups = paired[firsts]
        context = self.others[np.repeat(owned, self.context_sizes)]
        columns = [
            self.subjects[visits],
            self.countries[visits],
            context,
            self.subjects[groups],
            self.others[pairs],
            self.subjects[searches],
            self.countries[searches],
        ]
        strings, (items, countries, context, group_items, others, queries, query_countries) = self._named(columns)
        told = [self.signals[place] for place in visits.tolist()]
        return Entries(
            strings,
            int(max(self.watermarks_ms[numbers].max(initial=0) for numbers in (visits, groups, searches))),
            items,
            np.array([signal.code for signal in told], np.int64),
            np.array([_flags(signal) for signal in told], np.int64),
            countries,
            self.hours[visits],
            self.offsets[visits],
            self.context_sizes[visits],
            context,
            np.array([signal.completion for signal in told], np.int64),
            np.array([signal.rating for signal in told], np.int64),
            group_items,
            self.hours[groups],
            self.offsets[groups],
            np.diff(firsts, append=len(pairs)),
            others,
            self.lags[pairs],
            queries,
            query_countries,
            self.hours[searches],
        )

    def _named(self, columns: Sequence[Ints]) -> tuple[list[str], list[Ints]]:
        """The strings that the columns use, and the columns with places in those."""
        used = np.zeros(len(self.names), np.bool_)
        for column in columns:
            used[column] = True
        numbers = np.flatnonzero(used)
        places = np.zeros(len(self.names), np.int64)
        places[numbers] = np.arange(len(numbers))
        return [self.names[number] for number in numbers.tolist()], [places[column] for column in columns]
