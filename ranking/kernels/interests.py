"""What histories say of a user at once: the items used lately, and the genres refused. A row of `history` is one
user's, the oldest first: item indices int32, -1 = not known, with `codes` uint8 of what was done last."""

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.bits import ONE, count_of, lowest_of
from tables.kernels.compiled import compiled

Ints = NDArray[np.int64]
Items = NDArray[np.int32]
Codes = NDArray[np.uint8]
Words = NDArray[np.uint64]


@compiled("void(i8[::1], i4[::1], u1[::1], b1[::1], i8, i8[::1], i4[::1], u1[::1])")
def take_recent(
    offsets: Ints,
    history: Items,
    codes: Codes,
    is_use: NDArray[np.bool_],
    most: int,
    ends: Ints,
    recent: Items,
    recent_codes: Codes,
) -> None:
    """Writes to `recent` int32[enough] and `recent_codes` the known items with a code that `is_use` bool[256], the
    newest first, at most so many of a row; `ends` int64[rows + 1] are their offsets."""
    at = 0
    ends[0] = 0
    for row in range(len(offsets) - 1):
        left = most
        for place in range(offsets[row + 1] - 1, offsets[row] - 1, -1):
            if left and history[place] >= 0 and is_use[codes[place]]:
                recent[at], recent_codes[at] = history[place], codes[place]
                at += 1
                left -= 1
        ends[row + 1] = at


@compiled("void(i8[::1], i4[::1], u1[::1], b1[::1], i8[::1], i8, f8, u8[:,::1], u8[:,::1])")
def add_refused(
    offsets: Ints,
    history: Items,
    codes: Codes,
    is_positive: NDArray[np.bool_],
    liked: Ints,
    margin: int,
    share: float,
    genres: Words,
    words: Words,
) -> None:
    """Adds to `words` uint64[rows, words] the genres of which a row refused at least `margin` items more than it liked,
    and a share larger by `share` than of the items without the genre. `is_positive` bool[256] by code, `liked`
    int64[rows] counts the positive entries, `genres` uint64[items, words] are bits."""
    size = genres.shape[1]
    for row in range(len(offsets) - 1):
        first, end = offsets[row], offsets[row + 1]
        all_met, all_refused = end - first, end - first - liked[row]
        if all_refused < margin:
            continue
        met, refused = np.zeros(64 * size, np.int64), np.zeros(64 * size, np.int64)
        for place in range(first, end):
            if history[place] < 0:
                continue
            for word in range(size):
                left = genres[history[place], word]
                while left:
                    genre = 64 * word + lowest_of(left)
                    met[genre] += 1
                    refused[genre] += not is_positive[codes[place]]
                    left &= left - ONE
        for genre in range(64 * size):
            if 2 * refused[genre] - met[genre] >= margin:
                others = (all_refused - refused[genre]) / max(all_met - met[genre], 1) + share
                if refused[genre] / met[genre] >= others:
                    words[row, genre >> 6] |= ONE << np.uint64(genre & 63)


@compiled("void(i8[::1], i4[::1], f4[::1], i8, u8[:,::1], f4[:,::1])")
def genre_shares(
    offsets: Ints,
    recent: Items,
    weights: NDArray[np.float32],
    most: int,
    genres: Words,
    shares: NDArray[np.float32],
) -> None:
    """Writes to `shares` float32[rows, 64 words] which part of the weights of a row's first items has each genre; of a
    row without genres nothing."""
    counts = np.zeros(shares.shape[1])
    for row in range(len(offsets) - 1):
        total = 0.0
        counts[:] = 0.0
        for place in range(offsets[row], min(offsets[row + 1], offsets[row] + most)):
            for word in range(genres.shape[1]):
                left = genres[recent[place], word]
                while left:
                    counts[64 * word + lowest_of(left)] += weights[place]
                    total += weights[place]
                    left &= left - ONE
        if total > 0.0:
            for genre in range(len(counts)):
                shares[row, genre] = counts[genre] / total


@compiled("void(i8[::1], i4[::1], f4[::1], f4[:,::1], f4[:,::1], f4[:,:,::1])")
def add_vectors(
    offsets: Ints,
    recent: Items,
    weights: NDArray[np.float32],
    places: NDArray[np.float32],
    vectors: NDArray[np.float32],
    sums: NDArray[np.float32],
) -> None:
    """Adds to `sums` float32[rows, kinds, dimensions] the vectors of a row's items, each times its weight and what its
    place counts: `places` float32[kinds, most items of a row]."""
    for row in range(len(offsets) - 1):
        for kind in range(len(places)):
            total = sums[row, kind]
            for place in range(offsets[row], offsets[row + 1]):
                weight = places[kind, place - offsets[row]] * weights[place]
                vector = vectors[recent[place]]
                for at in range(len(total)):
                    total[at] += weight * vector[at]


@compiled("void(i8[::1], i4[::1], u1[::1], b1[::1], i8, f8, i4[::1], u8[:,::1], f8[:,::1], i8[:,::1], i8[:,::1])")
def add_genre_preferences(
    offsets: Ints,
    history: Items,
    codes: Codes,
    is_positive: NDArray[np.bool_],
    most: int,
    step: float,
    category: Items,
    genres: Words,
    shares: NDArray[np.float64],
    met_as: NDArray[np.int64],
    balance: NDArray[np.int64],
) -> None:
    """Writes what a row says of genres, each array by row and 64 words of genres and 0 before: to `shares` the parts of
    the newest `most` positive items that have genres, each item `1 - step` times as much as the one after it and its
    genres in equal parts, together 1; to `met_as` which genre of those was met first, second, ..., the `category`
    int32[items] of an item (-1 = none) before its other genres; to `balance` positive items minus the others."""
    for row in range(len(offsets) - 1):
        weight, total, left, met = 1.0, 0.0, most, 0
        for place in range(offsets[row + 1] - 1, offsets[row] - 1, -1):
            item = history[place]
            if item < 0 or category[item] < 0:
                continue
            likes = is_positive[codes[place]]
            counts = likes and left > 0
            if counts:
                left -= 1
                if met_as[row, category[item]] == 0:
                    met += 1
                    met_as[row, category[item]] = met
            size = 0
            for word in range(genres.shape[1]):
                size += count_of(genres[item, word])
            for word in range(genres.shape[1]):
                bits = genres[item, word]
                while bits:
                    genre = 64 * word + lowest_of(bits)
                    bits &= bits - ONE
                    balance[row, genre] += 1 if likes else -1
                    if counts:
                        shares[row, genre] += weight / size
                        total += weight / size
                        if met_as[row, genre] == 0:
                            met += 1
                            met_as[row, genre] = met
            if counts:
                weight *= 1.0 - step
        if total > 0.0:
            for genre in range(shares.shape[1]):
                shares[row, genre] /= total
