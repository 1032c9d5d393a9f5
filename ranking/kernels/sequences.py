"""What a trained sequence model says after the items a user used. `rows` int32[items of the item model] are places in
the trained tables, -1 = not trained; a score of exactly 0 says nothing. Recent items lie one user's behind the other's,
the newest first.

Each sum is made in the order of its items and in float32, none contracted or taken apart, so that the same history has
the same state on every machine."""

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled, part_of_kernels

Floats = NDArray[np.float32]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]

_EPSILON = np.float32(1e-5)
_GELU = np.float32(0.7978845608028654)  # the root of 2 / pi
_CUBE = np.float32(0.044715)


@part_of_kernels
def add_product(row: Floats, matrix: Floats, sums: Floats) -> None:
    """Adds row float32[n] times matrix float32[n, m] to `sums` float32[m]."""
    for at in range(len(row)):
        factor, own = row[at], matrix[at]
        for place in range(len(sums)):
            sums[place] += factor * own[place]


@part_of_kernels
def normalize(x: Floats, weights: Floats) -> None:
    """Makes mean 0 and variance 1 of x float32[n], then times weights[0] plus weights[1]."""
    mean = variance = np.float32(0.0)
    for at in range(len(x)):
        mean += x[at]
    mean /= np.float32(len(x))
    for at in range(len(x)):
        x[at] -= mean
        variance += x[at] * x[at]
    scale = np.float32(1.0) / np.sqrt(variance / np.float32(len(x)) + _EPSILON)
    for at in range(len(x)):
        x[at] = x[at] * scale * weights[0, at] + weights[1, at]


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


@compiled(
    "void(f4[:,::1], i4[::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[:,::1], f4[::1], f4[:,::1], f4[::1], f4[:,::1],"
    " f4[:,::1])"
)
def write_outputs(
    states: Floats,
    last: Items,
    last_items: Floats,
    state_output: Floats,
    state_norm: Floats,
    inner: Floats,
    inner_bias: Floats,
    outer: Floats,
    outer_bias: Floats,
    output_norm: Floats,
    found: Floats,
) -> None:
    """Writes to `found` float32[users, dimensions + 1] what items are compared with, from what `run_states` wrote: the
    output, and a 1 for their biases; of whom no trained item is known nothing. The other arrays are those of a model
    (`tables.sequence.sequence_model.SHAPES`)."""
    dimensions = last_items.shape[1]
    hidden, sums = np.empty(len(inner_bias), np.float32), np.empty(dimensions, np.float32)
    for user in range(len(states)):
        if last[user] < 0:
            continue
        x = found[user, :dimensions]
        x[:] = last_items[last[user]]
        add_product(states[user], state_output, x)
        normalize(x, state_norm)
        hidden[:] = inner_bias
        add_product(x, inner, hidden)
        for at in range(len(hidden)):
            value = hidden[at]
            bent = np.tanh(_GELU * (value + _CUBE * value * value * value))
            hidden[at] = value * np.float32(0.5) * (np.float32(1.0) + bent)
        sums[:] = outer_bias
        add_product(hidden, outer, sums)
        for at in range(dimensions):
            x[at] += sums[at]
        normalize(x, output_norm)
        found[user, dimensions] = 1.0


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
        place, said = 0, scores[user]
        for at in range(offsets[user], offsets[user + 1]):
            if place == len(by_place):
                break
            row = rows[recent[at]]
            if row < 0:
                continue
            factor = by_place[place]
            place += 1
            own, own_weights = named[row], weights[row]
            for slot in range(len(own)):
                item = numbers[own[slot]]
                if item >= 0:
                    said[item] += factor * own_weights[slot]


@compiled("void(i8[::1], i4[::1], f4[:,::1], f4, f4[:,::1])")
def recurrent_features(offsets: Ints, items: Items, scores: Floats, scale: np.float32, found: Floats) -> None:
    """Writes to `found` float32[2, total] of each of a user's `items`, from its log odds in `scores` float32[users,
    items of the model]: how far below the highest of them it is, in parts of `scale`, 1 = it is the highest and 0 = by
    all of it; and its odds as a part of the highest ones."""
    for user in range(len(offsets) - 1):
        first, end = offsets[user], offsets[user + 1]
        own, said = items[first:end], scores[user]
        below, odds = found[0, first:end], found[1, first:end]
        highest = np.float32(-np.inf)
        for place in range(len(own)):
            score = said[own[place]]
            below[place] = score
            if score != 0.0:
                highest = max(highest, score)
        for place in range(len(own)):
            known, distance = below[place] != 0.0, below[place] - highest
            below[place] = max(np.float32(1.0) + distance / scale, np.float32(0.0)) if known else np.float32(0.0)
            odds[place] = np.exp(distance) if known else np.float32(0.0)


@compiled("void(i8[::1], i4[::1], f4[:,::1], f4[:,::1])")
def linear_features(offsets: Ints, items: Items, scores: Floats, found: Floats) -> None:
    """Writes to `found` float32[2, total] what the score of each of a user's `items` is of the highest of them, in
    0..1, and the root of that."""
    for user in range(len(offsets) - 1):
        first, end = offsets[user], offsets[user + 1]
        own, said = items[first:end], scores[user]
        shares, roots = found[0, first:end], found[1, first:end]
        highest = np.float32(0.0)
        for place in range(len(own)):
            shares[place] = max(said[own[place]], np.float32(0.0))
            highest = max(highest, shares[place])
        if highest == 0.0:
            highest = np.float32(1.0)  # all are 0
        for place in range(len(own)):
            shares[place] /= highest
            roots[place] = np.sqrt(shares[place])
