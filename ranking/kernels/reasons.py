"""What is said of each listed item."""

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled

Codes = NDArray[np.uint8]
Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]
Items = NDArray[np.int32]
Mask = NDArray[np.bool_]


@compiled("void(i8[::1], i8[::1], f8[:,::1], i8[::1])")
def strongest_of(asked: Ints, offsets: Ints, found: Doubles, places: Ints) -> None:
    """Writes to `places` int64[items] which of the user's recent items adds most, `found` float64[items, recent], -1
    where none adds anything; of equals the first. `asked` and `offsets` as in `add_shares`."""
    for user in range(len(asked) - 1):
        for item in range(asked[user], asked[user + 1]):
            places[item] = -1
            highest = 0.0
            for place in range(offsets[user + 1] - offsets[user]):
                if found[item, place] > highest:
                    places[item], highest = place, found[item, place]


@compiled("void(i8[::1], i4[::1], i8[::1], f4[::1], f8, i8[::1], i8[::1], i4[::1], i8, i8, u1[::1], u1[::1])")
def shared_codes(
    offsets: Ints,
    items: Items,
    ages_ms: Ints,
    prior: NDArray[np.float32],
    popular_from: float,
    places: Ints,
    trend_ends: Ints,
    trending: Items,
    week_ms: int,
    month_ms: int,
    said: Codes,
    codes: Codes,
) -> None:
    """Writes to `codes` uint8[items] which of `said` uint8[5] holds, the first that does: released within a week or a
    month, trending in the user's place, popular, or none. `ages_ms` int64[items] is the time since release. The items
    that trend in a place lie between its offsets in `trend_ends`; `places` int64[users] says which is the user's."""
    trends = np.zeros(len(prior), np.bool_)
    for user in range(len(offsets) - 1):
        first, end = trend_ends[places[user]], trend_ends[places[user] + 1]
        for place in range(first, end):
            trends[trending[place]] = True
        for place in range(offsets[user], offsets[user + 1]):
            if 0 <= ages_ms[place] < month_ms:
                codes[place] = said[0] if ages_ms[place] < week_ms else said[1]
            elif trends[items[place]]:
                codes[place] = said[2]
            else:
                codes[place] = said[3] if prior[items[place]] >= popular_from else said[4]
        for place in range(first, end):
            trends[trending[place]] = False
