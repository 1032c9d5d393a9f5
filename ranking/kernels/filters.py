"""Which items a rule keeps: what takes a loop over each item's own set. `keep` bool[items] is written."""

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.bits import ONE
from tables.kernels.compiled import compiled

Ints = NDArray[np.int64]
Items = NDArray[np.int32]
Mask = NDArray[np.bool_]
Words = NDArray[np.uint64]


@compiled("void(i8[::1], i4[::1], i8[::1], i4[::1], i8, b1[::1])")
def keep_unmet(offsets: Ints, items: Items, met_ends: Ints, met: Items, size: int, keep: Mask) -> None:
    """Items that a user has not `met`; there are `size` in all."""
    is_met = np.zeros(size, np.bool_)
    for user in range(len(offsets) - 1):
        for place in range(met_ends[user], met_ends[user + 1]):
            is_met[met[place]] = True
        for place in range(offsets[user], offsets[user + 1]):
            keep[place] = not is_met[items[place]]
        for place in range(met_ends[user], met_ends[user + 1]):
            is_met[met[place]] = False


@compiled("void(i8[::1], i4[::1], b1[::1], u8[:,::1], i8[::1], b1[::1])")
def keep_open(offsets: Ints, items: Items, bounded: Mask, bits: Words, numbers: Ints, keep: Mask) -> None:
    """Items that are not `bounded` bool[items of the model], or within whose `bits` uint64[items of the model, words]
    the user's number is: -1 is within none, -2 within all."""
    for user in range(len(offsets) - 1):
        number = numbers[user]
        for place in range(offsets[user], offsets[user + 1]):
            item = items[place]
            is_open = not bounded[item] or number == -2
            if not is_open and number >= 0:
                is_open = (bits[item, number >> 6] >> np.uint64(number & 63)) & ONE != 0
            keep[place] = is_open


@compiled("void(i8[::1], i4[::1], u8[:,::1], u8[:,::1], b1[::1])")
def keep_without(offsets: Ints, items: Items, bits: Words, unwanted: Words, keep: Mask) -> None:
    """Items none of whose `bits` the user has among those `unwanted` uint64[users, words]."""
    for user in range(len(offsets) - 1):
        for place in range(offsets[user], offsets[user + 1]):
            shared = np.uint64(0)
            for word in range(bits.shape[1]):
                shared |= bits[items[place], word] & unwanted[user, word]
            keep[place] = shared == 0
