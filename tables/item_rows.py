"""Rows of the item plane. All are records of `item.model`, so their keys and values are what followers read.

b"c" + item           counts                 b"t" + hour + item    events of an hour by country
b"n" + shard + item   neighbours             b"q" + hour + query   searches of an hour by country
b"s" + shard + item   successors             b"u" + item           unique viewers
b"v" + item           faded visits           b"e" + item           fitted vector, float16[128]
b"w"                  the plane's own row   b"k"                  how far the rows after it know

Weights of neighbours and successors and faded visits are forward-decayed, see tables/forward_decay.py. Neighbours of
format version 1 were not: they are read as if they had happened at the landmark, that is as faded.
"""

import msgspec
import numpy as np
from numpy.typing import NDArray

from tables.day_counts import count_day
from tables.row_codec import RowCodec

COUNTS = b"c"
BUCKET = b"t"
NEIGHBOURS = b"n"
SUCCESSORS = b"s"
VISITS = b"v"
VECTOR = b"e"
VIEWERS = b"u"
QUERY_BUCKET = b"q"
PLANE = b"w"
EPOCH = b"k"

#: Rows of floats, which depend on the order of arrival within rounding; all others are the same in any order.
FLOAT_KINDS = frozenset({NEIGHBOURS, SUCCESSORS, VISITS, VECTOR})

ITEM_ROW_VERSION = 1
NEIGHBOURS_ROW_VERSION = 2
KEPT_DAYS = 35

#: Co-occurrence: items used together, of which a shard lets its weakest go. Successors: items used right afterwards.
NEIGHBOUR_SHARDS, SHARD_NEIGHBOURS = 8, 40
SUCCESSOR_SHARDS, SHARD_SUCCESSORS = 4, 32


class CountsRow(msgspec.Struct, array_like=True, gc=False):
    """Integer counts of one item. `events` = counted positive events, `visits` = visits that taught neighbours;
    `days[k]` = counted events on day `newest_day - k` (days since the epoch, UTC), at most 35, the last never 0;
    `watches` = watches begun (watch_start); `completions` watch_end events reached `completion_sum` tenths of a percent
    together; `ratings` ratings sum to `rating_sum` hundredths of a star."""

    version: int = ITEM_ROW_VERSION
    events: int = 0
    visits: int = 0
    newest_day: int = 0
    days: list[int] = []
    watches: int = 0
    completions: int = 0
    completion_sum: int = 0
    ratings: int = 0
    rating_sum: int = 0

    def count(self, day: int, events: int) -> None:
        """Count `events` on `day`. The result does not depend on the order of calls."""
        self.events += events
        self.newest_day, self.days = count_day(self.newest_day, self.days, day, events, KEPT_DAYS)


class BucketRow(msgspec.Struct, array_like=True, gc=False):
    """Counted events of one item (or searches of one query) in one hour by country, sorted; "" = unknown country."""

    version: int
    countries: dict[str, int]


class NeighboursRow(msgspec.Struct, array_like=True, gc=False):
    """One shard of an item's neighbours or successors: ids, and weights as little-endian float32."""

    version: int
    items: list[str]
    weights: bytes

    def weights_array(self) -> NDArray[np.float32]:
        """The weights, float32[neighbours]."""
        return np.frombuffer(self.weights, "<f4")


class VisitsRow(msgspec.Struct, array_like=True, gc=False):
    """Visits of one item that taught neighbours, each with the weight of its hour."""

    version: int = ITEM_ROW_VERSION
    faded: float = 0.0


class PlaneRow(msgspec.Struct, array_like=True, gc=False):
    """How far the event time of the item plane has come."""

    version: int = ITEM_ROW_VERSION
    watermark_ms: int = 0


class EpochRow(msgspec.Struct, array_like=True, gc=False):
    """What is published knows of no event later than `reached_ms`, event or append time, whichever is earlier.
    `learned` is the number of entries of `item.deltas` in it, `fitted` the number of points of a replay (see
    agents.epochs) for which vectors are published."""

    version: int = ITEM_ROW_VERSION
    reached_ms: int = 0
    learned: int = 0
    fitted: int = 0


COUNTS_CODEC = RowCodec(CountsRow, current=ITEM_ROW_VERSION)
BUCKET_CODEC = RowCodec(BucketRow, current=ITEM_ROW_VERSION)
NEIGHBOURS_CODEC = RowCodec(NeighboursRow, current=NEIGHBOURS_ROW_VERSION)
VISITS_CODEC = RowCodec(VisitsRow, current=ITEM_ROW_VERSION)
PLANE_CODEC = RowCodec(PlaneRow, current=ITEM_ROW_VERSION)
EPOCH_CODEC = RowCodec(EpochRow, current=ITEM_ROW_VERSION)


def counts_key(item_id: str) -> bytes:
    """Key of an item's counts."""
    return COUNTS + item_id.encode()


def viewers_key(item_id: str) -> bytes:
    """Key of an item's unique viewers."""
    return VIEWERS + item_id.encode()


def bucket_key(hour: int, name: str, kind: bytes = BUCKET) -> bytes:
    """Key of a bucket of one hour since the epoch; `kind` is BUCKET (of an item) or QUERY_BUCKET (of a query)."""
    return kind + hour.to_bytes(4, "big") + name.encode()


def bucket_of(key: bytes) -> tuple[int, str]:
    """(hour, item id or query) of a bucket key."""
    return int.from_bytes(key[1:5], "big"), key[5:].decode()


def visits_key(item_id: str) -> bytes:
    """Key of an item's faded visits."""
    return VISITS + item_id.encode()


def vector_key(item_id: str) -> bytes:
    """Key of an item's fitted vector."""
    return VECTOR + item_id.encode()


def neighbours_key(shard: int, item_id: str, kind: bytes = NEIGHBOURS) -> bytes:
    """Key of one shard of an item's NEIGHBOURS or SUCCESSORS."""
    return kind + bytes([shard]) + item_id.encode()


def neighbours_of(key: bytes) -> tuple[int, str]:
    """(shard, item id) of a neighbours or successors key."""
    return key[1], key[2:].decode()
