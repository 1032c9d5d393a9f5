"""Which generator speaks most for each listed item."""

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled

Codes = NDArray[np.uint8]
Ints = NDArray[np.int64]
GROUPS = 8


@compiled("void(i8[::1], i8[::1], f4[:,::1], f8[:,::1], i8[::1], u1[::1], u1, u1[::1])")
def leading_groups(
    offsets: Ints,
    places: Ints,
    matrix: NDArray[np.float32],
    weights: NDArray[np.float64],
    buckets: Ints,
    groups: Codes,
    otherwise: int,
    leading: Codes,
) -> None:
    """Writes to `leading` uint8[slots] which group of features adds most to the logit of the candidate at each of the
    `places` int64[slots], the first of equals; `otherwise` where none adds anything. By user, `offsets` are those of
    the slots and `buckets` the rows of `weights` float64[buckets, features]; `groups` uint8[features] < GROUPS."""
    sums = np.zeros(GROUPS)
    for user in range(len(offsets) - 1):
        for slot in range(offsets[user], offsets[user + 1]):
            sums[:] = 0.0
            for feature in range(len(groups)):
                sums[groups[feature]] += matrix[feature, places[slot]] * weights[buckets[user], feature]
            leading[slot] = otherwise
            highest = 0.0
            for group in range(GROUPS):
                if sums[group] > highest:
                    leading[slot], highest = group, sums[group]
