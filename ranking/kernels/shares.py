"""Sums divided among the parts that they are made of, and likeness taken apart."""

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.products import product
from tables.kernels.compiled import compiled

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]


@compiled("void(i8[::1], i8[::1], i8, f8[:,::1], f8[:,::1], f8[:,::1], f8[:,::1])")
def add_shares(
    asked: Ints, offsets: Ints, most: int, sums: Doubles, parts: Doubles, counted: Doubles, found: Doubles
) -> None:
    """Adds to `found` float64[items, recent] the `sums` float64[kinds, items], each in the proportion of `parts`
    float64[items, at least most] times what these are `counted` float64[kinds, most] for it. The items between a user's
    offsets in `asked` have as many parts as the user has recent items, by `offsets`, but no more than `most`.

    Parts whose sum is not above 0 have no share: where likeness to some recent items and unlikeness to others cancel
    out, any proportion would be noise.
    """
    for user in range(len(asked) - 1):
        recent = min(offsets[user + 1] - offsets[user], most)
        for item in range(asked[user], asked[user + 1]):
            for kind in range(len(sums)):
                total = 0.0
                for place in range(recent):
                    total += counted[kind, place] * parts[item, place]
                if total > 0.0:
                    share = sums[kind, item] / total
                    for place in range(recent):
                        found[item, place] += share * counted[kind, place] * parts[item, place]


@compiled("void(i8[::1], i4[::1], f4[::1], f4[:,::1], i8[::1], i4[::1], f4[:,::1], f8[:,::1], f8[:,::1])")
def add_vector_shares(
    offsets: Ints,
    recent: Items,
    weights: Floats,
    counted: Floats,
    asked: Ints,
    items: Items,
    vectors: Floats,
    sums: Doubles,
    found: Doubles,
) -> None:
    """As `add_shares`, the parts being the products of an item's vector with those of the recent ones, and what they
    count the weight of each times `counted` float32[kinds, most recent items] by its place."""
    products = np.empty(found.shape[1])
    factors = np.empty((len(counted), found.shape[1]))
    for user in range(len(asked) - 1):
        first, count = offsets[user], offsets[user + 1] - offsets[user]
        for kind in range(len(counted)):
            for place in range(count):
                factors[kind, place] = counted[kind, place] * weights[first + place]
        for item in range(asked[user], asked[user + 1]):
            own = vectors[items[item]]
            for place in range(count):
                products[place] = product(own, vectors[recent[first + place]])
            for kind in range(len(counted)):
                total = 0.0
                for place in range(count):
                    total += factors[kind, place] * products[place]
                if total > 0.0:
                    share = sums[kind, item] / total
                    for place in range(count):
                        found[item, place] += share * factors[kind, place] * products[place]
