"""Entries of `item.deltas`: what the signals of one batch tell one partition of the item plane, as columns."""

from dataclasses import dataclass, field

import numpy as np
from numpy.typing import NDArray

LEARNS = 1
LATE = 2
OUT_OF_TRENDS = 4
FIRST = 8

Ints = NDArray[np.int64]


def none() -> Ints:
    """A column without elements."""
    return np.zeros(0, np.int64)


@dataclass(slots=True)
class Entries:
    """Entries for one target partition; without any it is a tick. `items`, `countries`, `context`, `group_items`,
    `others`, `queries` and `query_countries` are places in `strings`."""

    strings: list[str] = field(default_factory=list)
    #: The highest that a signal brought: unlike the watermark after the batch, the same under any batching.
    watermark_ms: int = 0
    # One element a visit: a signal for the partition that owns its item.
    items: Ints = field(default_factory=none)
    codes: Ints = field(default_factory=none)
    flags: Ints = field(default_factory=none)
    countries: Ints = field(default_factory=none)
    hours: Ints = field(default_factory=none)
    offsets: Ints = field(default_factory=none)
    context_sizes: Ints = field(default_factory=none)
    context: Ints = field(default_factory=none)  # all contexts joined, each newest first
    completions: Ints = field(default_factory=none)
    ratings: Ints = field(default_factory=none)
    # One element a group: a visit of an item elsewhere, for the partition that owns the `others` before it.
    group_items: Ints = field(default_factory=none)
    group_hours: Ints = field(default_factory=none)
    group_offsets: Ints = field(default_factory=none)
    group_sizes: Ints = field(default_factory=none)
    others: Ints = field(default_factory=none)  # all groups joined
    lags: Ints = field(default_factory=none)  # how many places before the visit (0 = just before), one per other
    # One element a search, for the partition that owns the query.
    queries: Ints = field(default_factory=none)
    query_countries: Ints = field(default_factory=none)
    query_hours: Ints = field(default_factory=none)

    def __len__(self) -> int:
        return len(self.items) + len(self.group_items) + len(self.queries)
