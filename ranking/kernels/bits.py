"""Sets of small numbers as bits of words."""

from typing import Any

import numpy as np

from tables.kernels.compiled import part_of_kernels

ONE = np.uint64(1)


@part_of_kernels
def count_of(word: np.uint64) -> Any:
    """How many bits of a word are set."""
    word = word - ((word >> np.uint64(1)) & np.uint64(0x5555555555555555))
    word = (word & np.uint64(0x3333333333333333)) + ((word >> np.uint64(2)) & np.uint64(0x3333333333333333))
    word = (word + (word >> np.uint64(4))) & np.uint64(0x0F0F0F0F0F0F0F0F)
    return np.int64((word * np.uint64(0x0101010101010101)) >> np.uint64(56))


@part_of_kernels
def lowest_of(word: np.uint64) -> Any:
    """The number of the lowest bit of a word that is not 0."""
    return count_of((word & (~word + ONE)) - ONE)
