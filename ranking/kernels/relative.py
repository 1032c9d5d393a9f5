"""Values as parts of the highest of their row, and of what genres cover. Loops run over slices from 0 on: only where a
place cannot be negative is a loop compiled to vector instructions."""

import math

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.bits import ONE, lowest_of
from tables.kernels.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]


@compiled("void(i8[::1], f8[::1], f4[::1])")
def relative_roots(offsets: Ints, scores: NDArray[np.float64], roots: Floats) -> None:
    """Writes to `roots` float32[total] the roots of what `scores` float64[total] >= 0 are of the highest in their row,
    in 0..1; 0 when none is above 0."""
    for row in range(len(offsets) - 1):
        own, found = scores[offsets[row] : offsets[row + 1]], roots[offsets[row] : offsets[row + 1]]
        highest = 0.0
        for place in range(len(own)):
            highest = max(highest, own[place])
        if highest == 0.0:
            highest = 1.0  # all are 0
        for place in range(len(own)):
            found[place] = math.sqrt(own[place] / highest)


@compiled("void(i8[::1], f4[::1])")
def make_relative(offsets: Ints, values: Floats) -> None:
    """Divides `values` float32[total] by the highest of their row, where it is above 0."""
    for row in range(len(offsets) - 1):
        own, highest = values[offsets[row] : offsets[row + 1]], np.float32(0.0)
        for place in range(len(own)):
            highest = max(highest, own[place])
        if highest > 0.0:
            for place in range(len(own)):
                own[place] /= highest


@compiled("void(i8[::1], f8[::1], f8[::1])")
def highest_of(offsets: Ints, values: NDArray[np.float64], highest: NDArray[np.float64]) -> None:
    """Writes the highest value of each row, at least 0."""
    for row in range(len(offsets) - 1):
        highest[row] = 0.0
        for place in range(offsets[row], offsets[row + 1]):
            highest[row] = max(highest[row], values[place])


@compiled("void(i8[::1], i4[::1], u8[:,::1], f4[:,::1], f4[::1])")
def covered_shares(
    offsets: Ints, items: NDArray[np.int32], genres: NDArray[np.uint64], shares: Floats, covered: Floats
) -> None:
    """Writes to `covered` float32[items] the sum of the user's `shares` float32[users, 64 words] of an item's
    genres."""
    for user in range(len(offsets) - 1):
        for place in range(offsets[user], offsets[user + 1]):
            total = np.float32(0.0)
            for word in range(genres.shape[1]):
                left = genres[items[place], word]
                while left:
                    total += shares[user, 64 * word + lowest_of(left)]
                    left &= left - ONE
            covered[place] = total


@compiled("void(i8[::1], f4[:,::1], i8[::1], f8[:,:,::1], f8[:,::1])")
def weigh(offsets: Ints, matrix: Floats, kinds: Ints, weights: NDArray[np.float64], sums: NDArray[np.float64]) -> None:
    """Writes to `sums` float64[rows of weights, items] the weighted sums of the features `matrix` float32[features,
    items], with the `weights` float64[kinds, rows, features] of each user's kind."""
    for user in range(len(offsets) - 1):
        own = weights[kinds[user]]
        first, end = offsets[user], offsets[user + 1]
        for row in range(len(sums)):
            total = sums[row, first:end]
            total[:] = 0.0
            for feature in range(len(matrix)):
                weight = own[row, feature]
                if weight != 0.0:
                    values = matrix[feature, first:end]
                    for place in range(len(total)):
                        total[place] += weight * values[place]
