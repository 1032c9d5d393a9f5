"""What items learn of each other: pairs added to rows with a bounded number of neighbours.

A row of `named` int32[rows, width] are the neighbours of one item, with `weights` float32 of the same shape. It is cut
into shards of equal size; a neighbour's key decides in which it is. The filled places of a shard come first, an empty
one has the weight 0 and no neighbour, -1.
"""

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled

Ints = NDArray[np.int32]
Floats = NDArray[np.float32]


@compiled("void(i4[:,::1], f4[:,::1], i8, u8[::1], i4[::1], i4[::1], f4[::1])")
def add_pairs(
    named: Ints, weights: Floats, shards: int, keys: NDArray[np.uint64], rows: Ints, others: Ints, added: Floats
) -> None:
    """Adds what is `added` float32[pairs] to the neighbours `others` int32[pairs] of `rows`; a pair may come
    repeatedly, and one of a row below 0 is left out. `keys` uint64 are the items' by number.

    Those that a row knows get their weight first. The others take empty places, then those of the weakest that were
    there before, then those of the weakest that came with them and weigh less.
    """
    slots = named.shape[1] // shards
    new = np.empty(len(rows), np.int64)  # pairs of neighbours that their rows do not know
    count = 0
    for pair in range(len(rows)):
        row, other = rows[pair], others[pair]
        if row < 0 or not added[pair] > 0.0:
            continue
        first = int(keys[other] % np.uint64(shards)) * slots
        shard = named[row, first : first + slots]
        place = np.int32(-1)
        for slot in range(slots):  # to the end, which takes a third of the time of stopping where it is
            place += np.int32(slot + 1) if shard[slot] == other else np.int32(0)
        if place >= 0:
            weights[row, first + place] += added[pair]
        else:
            new[count] = pair
            count += 1
    # The weights of those that are new are negative until all of them have come. Read as whole numbers the bits of an
    # empty place are the lowest, then come those of weights, the weakest first, then those of negative ones likewise.
    bits = weights.view(np.uint32)
    for which in range(count):
        row, other, weight = rows[new[which]], others[new[which]], added[new[which]]
        first = int(keys[other] % np.uint64(shards)) * slots
        shard, held = named[row, first : first + slots], bits[row, first : first + slots]
        place, lowest = np.int32(-1), np.uint32(0xFFFFFFFF)
        for slot in range(slots):
            place += np.int32(slot + 1) if shard[slot] == other else np.int32(0)
            lowest = min(lowest, held[slot])
        if place >= 0:
            weights[row, first + place] -= weight
            continue
        place = np.int32(0)
        while held[place] != lowest:
            place += np.int32(1)
        if weights[row, first + place] >= 0.0 or -weights[row, first + place] < weight:
            shard[place] = other
            weights[row, first + place] = -weight
    for which in range(count):
        first = int(keys[others[new[which]]] % np.uint64(shards)) * slots
        changed = weights[rows[new[which]], first : first + slots]
        for slot in range(slots):
            changed[slot] = abs(changed[slot])
