"""Numpy columns: growing ones, and the type of stored places."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)

_MAX_U16 = 65_535


def places_type(entries: int) -> np.dtype[np.unsignedinteger]:
    """The smallest stored type, little-endian, of places in a table of so many entries.

    >>> places_type(65_536).str, places_type(65_537).str
    ('<u2', '<u4')
    """
    return np.dtype("<u2") if entries <= _MAX_U16 + 1 else np.dtype("<u4")


def grown(array: NDArray[Scalar], length: int, fill: float = 0) -> NDArray[Scalar]:
    """A copy of `array` that is `length` rows long, the new rows filled with `fill`.

    >>> grown(np.array([1, 2]), 4, -1).tolist()
    [1, 2, -1, -1]
    """
    larger = np.full((length, *array.shape[1:]), fill, array.dtype)
    larger[: len(array)] = array
    return larger
