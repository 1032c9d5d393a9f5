"""64-bit keys looked up in an open hash table. `places` int32[a power of two] holds the number of a key at the place
that the key's low bits name or behind it, -1 = free; it is never full. `keys` uint64 are the keys by number."""

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled

Keys = NDArray[np.uint64]
Numbers = NDArray[np.int32]


@compiled("i8(u8[::1], i4[::1], u8[::1], i4[::1])")
def find_numbers(keys: Keys, places: Numbers, asked: Keys, numbers: Numbers) -> int:
    """Writes the number of each key that is `asked` for to `numbers`, -1 = none; returns how many have none."""
    last = np.uint64(len(places) - 1)
    missing = 0
    for which in range(len(asked)):
        place = asked[which] & last
        number = places[place]
        while number >= 0 and keys[number] != asked[which]:
            place = (place + np.uint64(1)) & last
            number = places[place]
        numbers[which] = number
        missing += number < 0
    return missing


@compiled("void(u8[::1], i8, i8, i4[::1])")
def place_numbers(keys: Keys, first: int, end: int, places: Numbers) -> None:
    """Gives the numbers from `first` to before `end` their places."""
    last = np.uint64(len(places) - 1)
    for number in range(first, end):
        place = keys[number] & last
        while places[place] >= 0:
            place = (place + np.uint64(1)) & last
        places[place] = number
