"""What recent items say of others. Each row of `named` int32[items, width] are items that one item names, none twice,
with `weights` float32 of the same shape, 0 = the place is empty. The recent items of all users lie one behind the
other, with the user's `offsets`; each has a factor, and only the first `most` of a user are asked."""

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.bits import ONE, lowest_of
from tables.kernels.compiled import compiled

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]


@compiled(
    "void(i8[::1], i4[::1], f8[::1], i8, f8[::1], i4[:,::1], f4[:,::1], f4[::1], i8[::1], i4[::1], f8[::1], f8[::1])"
)
def add_named(
    offsets: Ints,
    recent: Items,
    factors: Doubles,
    most: int,
    again: Doubles,
    named: Items,
    weights: Floats,
    scale: Floats,
    ends: Ints,
    items: Items,
    sums: Doubles,
    sums_again: Doubles,
) -> None:
    """By user, ascending: the `items` int32[enough] that anything names, with the `sums` of the weights times the
    factor of whoever names them, and `sums_again`, the same of the first few, once more multiplied by `again`
    float64[up to most]; both times the `scale` float32[items of the model] of the named (empty = 1). `ends` int64[users
    + 1] are the offsets of what is written."""
    size = len(named)
    total, total_again = np.zeros(size), np.zeros(size)
    touched = np.zeros((size + 63) // 64, np.uint64)
    at = 0
    ends[0] = 0
    for user in range(len(offsets) - 1):
        for place in range(offsets[user], min(offsets[user + 1], offsets[user] + most)):
            row, factor = recent[place], factors[place]
            number = place - offsets[user]
            once_more = again[number] if number < len(again) else 0.0
            for slot in range(named.shape[1]):
                part = weights[row, slot] * factor
                if part > 0.0:
                    item = named[row, slot]
                    total[item] += part
                    total_again[item] += part * once_more
                    touched[item >> 6] |= ONE << np.uint64(item & 63)
        for word in range(len(touched)):
            left = touched[word]
            if not left:
                continue
            touched[word] = 0
            while left:
                item = 64 * word + lowest_of(left)
                left &= left - ONE
                factor = scale[item] if len(scale) else np.float32(1.0)
                items[at], sums[at], sums_again[at] = item, total[item] * factor, total_again[item] * factor
                total[item] = total_again[item] = 0.0
                at += 1
        ends[user + 1] = at


@compiled("void(i8[::1], i4[::1], i8[::1], i4[::1], f8[::1], f8[::1], f8[::1], f8[::1])")
def look_up(
    offsets: Ints,
    items: Items,
    ends: Ints,
    named: Items,
    sums: Doubles,
    sums_again: Doubles,
    found: Doubles,
    found_again: Doubles,
) -> None:
    """Writes to `found` and `found_again` float64[items] both sums of each of a user's `items` among those that are
    `named`; both ascend. 0 = not named."""
    for user in range(len(offsets) - 1):
        at, end = ends[user], ends[user + 1]
        for place in range(offsets[user], offsets[user + 1]):
            while at < end and named[at] < items[place]:
                at += 1
            is_named = at < end and named[at] == items[place]
            found[place] = sums[at] if is_named else 0.0
            found_again[place] = sums_again[at] if is_named else 0.0


@compiled("void(i8[::1], i4[::1], i8[::1], i4[::1], f8[::1], i8, i4[:,::1], f4[:,::1], f8[:,::1])")
def parts_of(
    asked: Ints,
    items: Items,
    offsets: Ints,
    recent: Items,
    factors: Doubles,
    most: int,
    named: Items,
    weights: Floats,
    parts: Doubles,
) -> None:
    """Writes to `parts` float64[items, most] what each of a user's recent items adds to the sum of each of `items`
    int32[], of which a user asks for those between their offsets in `asked`."""
    place_of = np.full(len(named), -1, np.int64)
    for user in range(len(offsets) - 1):
        if asked[user] == asked[user + 1]:
            continue
        for place in range(asked[user], asked[user + 1]):
            place_of[items[place]] = place
        for column in range(min(offsets[user + 1] - offsets[user], most)):
            row, factor = recent[offsets[user] + column], factors[offsets[user] + column]
            for slot in range(named.shape[1]):
                place = place_of[named[row, slot]]
                if place >= 0 and weights[row, slot] > 0.0:
                    parts[place, column] = weights[row, slot] * factor
        for place in range(asked[user], asked[user + 1]):
            place_of[items[place]] = -1
