"""The outcome of a rule."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray


class Split(NamedTuple):
    """Item indices int32[] that a rule keeps and drops, each in their former order."""

    kept: NDArray[np.int32]
    dropped: NDArray[np.int32]


def split(items: NDArray[np.int32], keep: NDArray[np.bool_]) -> Split:
    """Divide `items` by a mask of the same length."""
    return keep_all(items) if keep.all() else Split(items[keep], items[~keep])


def keep_all(items: NDArray[np.int32]) -> Split:
    """Drop nothing."""
    return Split(items, items[:0])
