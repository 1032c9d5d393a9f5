"""Who is a candidate: a byte of `flags` uint8[users, items] has a bit for each generator that names the item. Items a
user has `met` int32[], between the user's offsets `met_ends`, take no place among the best of a generator."""

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.order import kth_highest
from tables.kernels.compiled import compiled

Doubles = NDArray[np.float64]
Flags = NDArray[np.uint8]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]

_BINS = 1024


@compiled("void(i8[::1], i4[::1], f8[::1], i8[::1], i4[::1], i8, u1, u1[:,::1])")
def flag_best(
    offsets: Ints, items: Items, scores: Doubles, met_ends: Ints, met: Items, size: int, flag: np.uint8, flags: Flags
) -> None:
    """Adds `flag` to the `size` items of each user with the highest `scores`, 0 being none; `items` ascend by user. Of
    equals at the end the first."""
    is_met = np.zeros(flags.shape[1], np.bool_)
    values = np.empty(flags.shape[1])
    for user in range(len(offsets) - 1):
        for place in range(met_ends[user], met_ends[user + 1]):
            is_met[met[place]] = True
        count = 0
        for place in range(offsets[user], offsets[user + 1]):
            if scores[place] != 0.0 and not is_met[items[place]]:
                values[count] = scores[place]
                count += 1
        least, equals = -np.inf, count
        if count > size:
            least, equals = kth_highest(values, count, size), size
            for place in range(size):
                equals -= values[place] > least
        for place in range(offsets[user], offsets[user + 1]):
            score = scores[place]
            if score != 0.0 and score >= least and not is_met[items[place]]:
                if score == least:
                    if equals == 0:
                        continue
                    equals -= 1
                flags[user, items[place]] |= flag
        for place in range(met_ends[user], met_ends[user + 1]):
            is_met[met[place]] = False


@compiled("void(f4[:,::1], i8[::1], i4[::1], i8, u1, u1[:,::1])")
def flag_nearest(
    products: NDArray[np.float32], met_ends: Ints, met: Items, size: int, flag: np.uint8, flags: Flags
) -> None:
    """The same of scores float32[users, items] of all items, of which no item that was met has `flag` yet."""
    scores, bins = np.empty(products.shape[1], np.float32), np.empty(products.shape[1], np.int32)
    counts, values = np.empty(_BINS + 1, np.int64), np.empty(products.shape[1])
    for user in range(len(products)):
        scores[:] = products[user]
        for place in range(met_ends[user], met_ends[user + 1]):
            scores[met[place]] = 0.0
        own, lowest, highest = flags[user], np.float32(np.inf), np.float32(-np.inf)
        for item in range(len(scores)):
            lowest = scores[item] if scores[item] < lowest else lowest
            highest = scores[item] if scores[item] > highest else highest
        # bins of the same width, those of higher scores behind; one more for what is no score
        scale = np.float32(_BINS) / (highest - lowest)
        for item in range(len(scores)):
            into = min(max(np.int32((scores[item] - lowest) * scale), np.int32(0)), np.int32(_BINS - 1))
            bins[item] = into if scores[item] != 0.0 else np.int32(_BINS)
        counts[:] = 0
        for item in range(len(scores)):
            counts[bins[item]] += 1
        if len(scores) - counts[_BINS] <= size:
            for item in range(len(scores)):
                own[item] |= flag if scores[item] != 0.0 else 0
            continue
        last, above = _BINS - 1, 0
        while above + counts[last] < size:
            above += counts[last]
            last -= 1
        count = 0
        for item in range(len(scores)):
            if bins[item] == last:
                values[count] = scores[item]
                count += 1
        least, equals = kth_highest(values, count, size - above), size - above
        for place in range(count):
            equals -= values[place] > least
        for item in range(len(scores)):
            own[item] |= flag if scores[item] > least and scores[item] != 0.0 else 0
        for item in range(len(scores)):
            if equals == 0:
                break
            if scores[item] == least:
                own[item] |= flag
                equals -= 1


@compiled("void(i8[::1], i4[::1], u1, u1[:,::1])")
def flag_all(offsets: Ints, items: Items, flag: np.uint8, flags: Flags) -> None:
    """Adds `flag` to all of each user's `items`."""
    for user in range(len(offsets) - 1):
        for place in range(offsets[user], offsets[user + 1]):
            flags[user, items[place]] |= flag


@compiled("void(i8[::1], i8[::1], i4[::1], u1, u1[:,::1])")
def flag_first(users: Ints, counts: Ints, order: Items, flag: np.uint8, flags: Flags) -> None:
    """Adds `flag` to the first of `order` int32[], for each of `users` so many as their `counts` say."""
    for at in range(len(users)):
        for place in range(min(counts[at], len(order))):
            flags[users[at], order[place]] |= flag


@compiled("void(i8[::1], i4[::1], i8, i8, i8, i8[::1], i4[::1])")
def pick_tried(seeds: Ints, new: Items, most_new: int, anywhere: int, items: int, ends: Ints, tried: Items) -> None:
    """By user, ascending and each once: at most so many of the `new` int32[] items, and of all `items` of the model so
    many from `anywhere`; which, says the user's seed. `ends` int64[users + 1] are the offsets in `tried`."""
    step = 2_147_483_647  # a prime larger than any catalogue: its multiples fall everywhere
    at = 0
    ends[0] = 0
    for user in range(len(seeds)):
        seed, count = seeds[user], min(most_new, len(new))
        chosen = np.empty(count + anywhere, np.int32)
        for number in range(count):
            chosen[number] = new[(seed + number) % len(new)] if len(new) > most_new else new[number]
        for number in range(anywhere):
            chosen[count + number] = (seed + number * step) % items
        chosen.sort()
        for place in range(len(chosen)):
            if place == 0 or chosen[place] != chosen[place - 1]:
                tried[at] = chosen[place]
                at += 1
        ends[user + 1] = at


@compiled("i8(u1[:,::1], i8[::1])")
def count_flagged(flags: Flags, ends: Ints) -> int:
    """How many items are flagged in all; `ends` int64[users + 1] become their offsets by user."""
    words = flags.view(np.uint64)
    total = 0
    ends[0] = 0
    for user in range(len(flags)):
        for word in range(words.shape[1]):
            if words[user, word]:
                for item in range(8 * word, 8 * word + 8):
                    total += flags[user, item] != 0
        ends[user + 1] = total
    return total


@compiled("void(u1[:,::1], i4[::1], u1[::1])")
def take_flagged(flags: Flags, items: Items, generators: Flags) -> None:
    """Writes the flagged `items` of all users, ascending by user, and their flags; `flags` has a multiple of 8
    columns."""
    words = flags.view(np.uint64)
    at = 0
    for user in range(len(flags)):
        for word in range(words.shape[1]):
            if words[user, word]:
                for item in range(8 * word, 8 * word + 8):
                    if flags[user, item]:
                        items[at], generators[at] = item, flags[user, item]
                        at += 1
