"""Inner products of vectors."""

import numba
import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]


@numba.njit(error_model="numpy", fastmath={"contract", "reassoc", "nsz"})
def product(one: Floats, other: Floats) -> np.float32:
    """The inner product of two vectors."""
    total = np.float32(0.0)
    for at in range(len(one)):
        total += one[at] * other[at]
    return total


@compiled("void(i8[::1], i4[::1], f4[:,:,::1], f4[:,::1], f4[:,::1])")
def products_with(offsets: Ints, items: Items, own: Floats, vectors: Floats, found: Floats) -> None:
    """Writes to `found` float32[kinds, items] the products of the vectors of each user's `items` with the user's `own`
    float32[users, kinds, dimensions]; nothing below 0."""
    for user in range(len(offsets) - 1):
        for place in range(offsets[user], offsets[user + 1]):
            vector = vectors[items[place]]
            for kind in range(own.shape[1]):
                found[kind, place] = max(product(own[user, kind], vector), np.float32(0.0))
