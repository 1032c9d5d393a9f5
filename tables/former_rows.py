"""Neighbours, successors and visits as former releases kept them, each in rows of its own; snapshots may hold such.

b"n" + shard + item   neighbours (of format 1 without decay: read as if they had happened at the landmark)
b"s" + shard + item   successors
b"v" + item           visits
"""

from collections.abc import Iterator, Mapping
from typing import Final, NamedTuple

import msgspec
import numpy as np
from numpy.typing import NDArray

from tables.row_codec import Real, RowCodec

NEIGHBOURS: Final = b"n"
SUCCESSORS: Final = b"s"
VISITS: Final = b"v"
KINDS: Final = frozenset({NEIGHBOURS, SUCCESSORS, VISITS})


class _NeighboursRow(msgspec.Struct, array_like=True, gc=False):
    version: int
    items: list[str]
    weights: bytes


class _VisitsRow(msgspec.Struct, array_like=True, gc=False):
    version: int
    faded: Real


_NEIGHBOURS_CODEC = RowCodec(_NeighboursRow, current=2)
_VISITS_CODEC = RowCodec(_VisitsRow, current=1)


class FormerRow(NamedTuple):
    """`weights` float32[items] of the neighbours or successors of `item_id`, or its `visits`; `kind` says which."""

    kind: bytes
    item_id: str
    items: list[str]
    weights: NDArray[np.float32]
    visits: float


def read(key: bytes, value: bytes) -> FormerRow:
    """A row of one of the `KINDS`. Raises ValueError for what is none."""
    if key[:1] == VISITS:
        return FormerRow(VISITS, key[1:].decode(), [], np.zeros(0, np.float32), _VISITS_CODEC.decode(value).faded)
    row = _NEIGHBOURS_CODEC.decode(value)
    weights = np.frombuffer(row.weights, "<f4").astype(np.float32)
    if len(weights) != len(row.items) or not (np.isfinite(weights) & (weights >= 0)).all():
        raise ValueError(f"{len(row.items)} items with {len(weights)} weights, or with weights that are none")
    return FormerRow(key[:1], key[2:].decode(), row.items, weights, 0.0)


def former_rows(store: Mapping[bytes, bytes]) -> Iterator[FormerRow]:
    """All of them."""
    return (read(key, value) for key, value in store.items() if key[:1] in KINDS)
