"""What a trained sequence model says after the items a user used. `rows` int32[items of the item model] are places in
the trained tables, -1 = not trained; a score of exactly 0 says nothing. Recent items lie one user's behind the other's,
the newest first.

Each sum is made in the order of its items and in float32, none contracted or taken apart, so that the same history has
the same state on every machine."""

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]


@compiled("void(i8[::1], i4[::1], i4[::1], f4[:,::1], f4[:,::1], f4[:,::1], i4[::1])")
def run_states(
    offsets: Ints, recent: Items, rows: Items, decay: Floats, inputs: Floats, states: Floats, last: Items
) -> None:
    """Writes to `states` float32[users, 2 width], 0 before, what follows from each user's items, the oldest first:
    state = decay * state + inputs[row], complex, the `width` real parts in front; and to `last` int32[users] the row of
    the newest trained item, -1 = there is none."""
    width = decay.shape[1]
    for user in range(len(states)):
        last[user] = -1
        state = states[user]
        for place in range(offsets[user + 1] - 1, offsets[user] - 1, -1):
            row = rows[recent[place]]
            if row < 0:
                continue
            last[user] = row
            for at in range(width):
                real, imaginary = state[at], state[width + at]
                state[at] = (decay[0, at] * real - decay[1, at] * imaginary) + inputs[row, at]
                state[width + at] = (decay[0, at] * imaginary + decay[1, at] * real) + inputs[row, width + at]


@compiled("void(i8[::1], i4[::1], i4[::1], i4[::1], f4[::1], i4[:,::1], f4[:,::1], f4[:,::1])")
def add_linear(
    offsets: Ints,
    recent: Items,
    rows: Items,
    numbers: Items,
    by_place: Floats,
    named: Items,
    weights: Floats,
    scores: Floats,
) -> None:
    """Adds to `scores` float32[users, items] what each user's newest trained items name: `named` int32[rows, width] by
    trained row, with `weights` float32 of the same shape, times what the place counts. `numbers` int32[rows] are the
    items of the item model, -1 = none."""
    for user in range(len(scores)):
        place = 0
        for at in range(offsets[user], offsets[user + 1]):
            if place == len(by_place):
                break
            row = rows[recent[at]]
            if row < 0:
                continue
            factor = by_place[place]
            place += 1
            for slot in range(named.shape[1]):
                item = numbers[named[row, slot]]
                if item >= 0:
                    scores[user, item] += factor * weights[row, slot]


@compiled("void(i8[::1], i4[::1], f4[:,::1], f4, f4[:,::1])")
def recurrent_features(offsets: Ints, items: Items, scores: Floats, scale: np.float32, found: Floats) -> None:
    """Writes to `found` float32[2, total] of each of a user's `items`, from its log odds in `scores` float32[users,
    items of the model]: how far below the highest of them it is, in parts of `scale`, 1 = it is the highest and 0 = by
    all of it; and its odds as a part of the highest ones."""
    for user in range(len(offsets) - 1):
        highest = np.float32(-np.inf)
        for at in range(offsets[user], offsets[user + 1]):
            score = scores[user, items[at]]
            if score != 0.0:
                highest = max(highest, score)
        for at in range(offsets[user], offsets[user + 1]):
            score = scores[user, items[at]]
            known = score != 0.0
            below = score - highest if known else np.float32(0.0)
            found[0, at] = max(np.float32(1.0) + below / scale, np.float32(0.0)) if known else np.float32(0.0)
            found[1, at] = np.exp(below) if known else np.float32(0.0)


@compiled("void(i8[::1], i4[::1], f4[:,::1], f4[:,::1])")
def linear_features(offsets: Ints, items: Items, scores: Floats, found: Floats) -> None:
    """Writes to `found` float32[2, total] what the score of each of a user's `items` is of the highest of them, in
    0..1, and the root of that."""
    for user in range(len(offsets) - 1):
        highest = np.float32(0.0)
        for at in range(offsets[user], offsets[user + 1]):
            highest = max(highest, scores[user, items[at]])
        for at in range(offsets[user], offsets[user + 1]):
            share = max(scores[user, items[at]], np.float32(0.0)) / highest if highest > 0.0 else np.float32(0.0)
            found[0, at] = share
            found[1, at] = np.sqrt(share)
