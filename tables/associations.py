"""What is used together and after one another: the rows of some items, as the owner of a partition and all followers
hold them.

    b"g" + item         everything that an item learned, as of a number of its partition's records (`tables.learned`)

Both add the same records in the same order. Whoever begins with a row leaves out the records that it contains.
"""

from typing import Final

import msgspec
import numpy as np
from numpy.typing import NDArray

from tables.columns import grown
from tables.item_keys import STORED, Keys, Numbers
from tables.learned import Learned, Pairs, neighbour_pairs, successor_pairs, visit_weights
from tables.neighbour_columns import NeighbourColumns
from tables.row_codec import Real, RowCodec, Whole

ASSOCIATIONS_VERSION: Final = 1
#: Co-occurrence: items used together, of which a shard lets its weakest go. Successors: items used right afterwards.
NEIGHBOUR_SHARDS, SHARD_NEIGHBOURS = 8, 40
SUCCESSOR_SHARDS, SHARD_SUCCESSORS = 4, 32
_WEIGHT = np.dtype("<f4")


class AssociationsRow(msgspec.Struct, array_like=True, frozen=True, gc=False):
    """One item as of its partition's record `number`: `visits` forward-decayed; by shard the `sizes` of neighbours and
    then of successors, their 64-bit keys and little-endian float32 weights."""

    version: int
    number: Whole
    visits: Real
    sizes: bytes
    keys: bytes
    weights: bytes


CODEC = RowCodec(AssociationsRow, current=ASSOCIATIONS_VERSION)
_BOUNDS = np.repeat([SHARD_NEIGHBOURS, SHARD_SUCCESSORS], [NEIGHBOUR_SHARDS, SUCCESSOR_SHARDS])


class Associations:
    """`visits` float64[capacity] by row, forward-decayed; `as_of` int64[capacity]: the number of the last record in a
    row, 0 = none."""

    def __init__(self) -> None:
        self.neighbours = NeighbourColumns(NEIGHBOUR_SHARDS, SHARD_NEIGHBOURS)
        self.successors = NeighbourColumns(SUCCESSOR_SHARDS, SHARD_SUCCESSORS)
        self.visits = np.zeros(0, np.float64)
        self.as_of = np.zeros(0, np.int64)

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` rows."""
        self.neighbours.grow(capacity)
        self.successors.grow(capacity)
        self.visits, self.as_of = grown(self.visits, capacity), grown(self.as_of, capacity)

    def learn(self, learned: Learned, keys: Keys, numbers: Numbers, rows: Numbers) -> Numbers:
        """Add a record; returns the rows that changed, each once. `numbers` int32[items] are the numbers of its items,
        `rows` their rows, -1 = they have none; `keys` are by number."""
        owned = np.flatnonzero(learned.owned() & (rows >= 0))
        new = owned[self.as_of[rows[owned]] < learned.number]
        row_of = np.full(len(rows), -1, np.int32)
        row_of[new] = rows[new]
        self._add(self.neighbours, neighbour_pairs(learned), keys, numbers, row_of)
        self._add(self.successors, successor_pairs(learned), keys, numbers, row_of)
        visited = row_of[learned.visited]
        np.add.at(self.visits, visited[visited >= 0], visit_weights(learned)[visited >= 0])
        changed = row_of[new]
        self.as_of[changed] = learned.number
        return changed

    def _add(self, columns: NeighbourColumns, pairs: Pairs, keys: Keys, numbers: Numbers, row_of: Numbers) -> None:
        columns.add(keys, row_of[pairs.items], numbers[pairs.neighbours], pairs.weights)

    def row(self, row: int, keys: Keys) -> bytes:
        """The value of a row; `keys` are by number."""
        tables = (self.neighbours, self.successors)
        sizes = np.concatenate([table.sizes(row) for table in tables]).astype(np.uint8)
        numbers, weights = (np.concatenate(parts) for parts in zip(*(t.filled(row) for t in tables), strict=True))
        return CODEC.encode(
            AssociationsRow(
                ASSOCIATIONS_VERSION,
                int(self.as_of[row]),
                float(self.visits[row]),
                sizes.tobytes(),
                keys[numbers].astype(STORED).tobytes(),
                weights.astype(_WEIGHT).tobytes(),
            )
        )

    def put(self, row: int, stored: "Stored", numbers: Numbers) -> None:
        """Take over a row; `numbers` int32[keys] are those of its keys."""
        self.as_of[row], self.visits[row] = stored.number, stored.visits
        first = 0
        for table, sizes in (
            (self.neighbours, stored.sizes[:NEIGHBOUR_SHARDS]),
            (self.successors, stored.sizes[NEIGHBOUR_SHARDS:]),
        ):
            end = first + int(sizes.sum())
            table.put(row, sizes, numbers[first:end], stored.weights[first:end])
            first = end


class Stored(msgspec.Struct, frozen=True, gc=False):
    """A decoded row: `sizes` int64[shards], `keys` uint64 and `weights` float32 [neighbours and successors]."""

    number: int
    visits: float
    sizes: NDArray[np.int64]
    keys: Keys
    weights: NDArray[np.float32]


def decode(value: bytes) -> Stored:
    """A row. Raises ValueError (and msgspec's own) unless its parts fit together."""
    row = CODEC.decode(value)
    sizes = np.frombuffer(row.sizes, np.uint8).astype(np.int64)
    keys, weights = np.frombuffer(row.keys, STORED).astype(np.uint64), np.frombuffer(row.weights, _WEIGHT)
    fits = len(sizes) == len(_BOUNDS) and (sizes <= _BOUNDS).all()
    if not fits or not int(sizes.sum()) == len(keys) == len(weights):
        raise ValueError("a row of what is used together whose parts do not fit")
    if row.number < 0 or not (np.isfinite(weights) & (weights > 0)).all():
        raise ValueError("a row of what is used together with a weight or number that nothing has")
    return Stored(row.number, row.visits, sizes, keys, weights)


NOTHING: Final = Stored(0, 0.0, np.zeros(len(_BOUNDS), np.int64), np.zeros(0, np.uint64), np.zeros(0, np.float32))
