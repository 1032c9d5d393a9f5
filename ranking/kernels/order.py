"""The highest of many values, and their order. Of equals the earlier comes first."""

from typing import Any

import numpy as np
from numpy.typing import NDArray

from tables.kernels.compiled import compiled, part_of_kernels

Doubles = NDArray[np.float64]
Ints = NDArray[np.int64]


@part_of_kernels
def kth_highest(values: Doubles, count: int, k: int) -> Any:
    """The k-th highest, from 1, of the first `count` values, which are put in another order."""
    low, high, target = 0, count - 1, k - 1
    while low < high:
        pivot = values[(low + high) >> 1]
        left, right = low, high
        while left <= right:
            while values[left] > pivot:
                left += 1
            while values[right] < pivot:
                right -= 1
            if left <= right:
                values[left], values[right] = values[right], values[left]
                left += 1
                right -= 1
        if target <= right:
            high = right
        elif target >= left:
            low = left
        else:
            break
    return values[target]


@part_of_kernels
def sort_places(values: Doubles, places: Ints, first: int, end: int) -> None:
    """Sorts `places[first:end]` by the value at each, the highest first, then by place. Not recursive: numba cannot
    load a recursive function that it kept."""
    lows, highs, waiting = np.empty(64, np.int64), np.empty(64, np.int64), 1
    lows[0], highs[0] = first, end - 1
    while waiting:
        waiting -= 1
        low, high = lows[waiting], highs[waiting]
        if high - low > 16:
            middle = places[(low + high) >> 1]
            pivot = values[middle]
            left, right = low, high
            while left <= right:
                while values[places[left]] > pivot or (values[places[left]] == pivot and places[left] < middle):
                    left += 1
                while values[places[right]] < pivot or (values[places[right]] == pivot and places[right] > middle):
                    right -= 1
                if left <= right:
                    places[left], places[right] = places[right], places[left]
                    left += 1
                    right -= 1
            if right - low > high - left:  # the shorter part is sorted first: the stack stays short
                lows[waiting], highs[waiting], lows[waiting + 1], highs[waiting + 1] = low, right, left, high
            else:
                lows[waiting], highs[waiting], lows[waiting + 1], highs[waiting + 1] = left, high, low, right
            waiting += 2
            continue
        for at in range(low + 1, high + 1):
            one = places[at]
            to = at - 1
            while to >= low and (
                values[places[to]] < values[one] or (values[places[to]] == values[one] and places[to] > one)
            ):
                places[to + 1] = places[to]
                to -= 1
            places[to + 1] = one


@compiled("void(i8[::1], f8[::1], i8, i8[::1], i8[::1])")
def best_first(offsets: Ints, values: Doubles, size: int, ends: Ints, best: Ints) -> None:
    """Of each row of `values` float64[total] the places (in `values`) of the highest, at most `size` of them, best
    first, into `best` int64[enough], row after row with the offsets `ends` int64[rows + 1]."""
    longest = 0
    for row in range(len(offsets) - 1):
        longest = max(longest, offsets[row + 1] - offsets[row])
    buffer = np.empty(longest)
    at = 0
    ends[0] = 0
    for row in range(len(offsets) - 1):
        first, end = offsets[row], offsets[row + 1]
        least, equals = -np.inf, end - first
        if end - first > size:
            for place in range(first, end):
                buffer[place - first] = values[place]
            least = kth_highest(buffer, end - first, size)
            equals = size
            for place in range(first, end):
                equals -= values[place] > least
        start = at
        for place in range(first, end):
            if values[place] > least or (values[place] == least and equals > 0):
                equals -= values[place] == least
                best[at] = place
                at += 1
        sort_places(values, best, start, at)
        ends[row + 1] = at
