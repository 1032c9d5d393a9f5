"""Growing numpy columns."""

from typing import TypeVar

import numpy as np
from numpy.typing import NDArray

Scalar = TypeVar("Scalar", bound=np.generic)


def grown(array: NDArray[Scalar], length: int, fill: float = 0) -> NDArray[Scalar]:
    """A copy of `array` that is `length` rows long, the new rows filled with `fill`.

    >>> grown(np.array([1, 2]), 4, -1).tolist()
    [1, 2, -1, -1]
    """
    larger = np.full((length, *array.shape[1:]), fill, array.dtype)
    larger[: len(array)] = array
    return larger
