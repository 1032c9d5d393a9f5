"""What each of a user's recent items says of the items it names, kept so that sums over it can be taken apart again."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


class Named(NamedTuple):
    """`items` intp[recent, width] that each recent item names, none twice, and with which `weights` (float of the same
    shape), 0 = the place is empty."""

    items: NDArray[np.intp]
    weights: NDArray[np.floating]

    @classmethod
    def of(cls, items: NDArray[np.int32], weights: NDArray[np.floating]) -> "Named":
        """From indices of any kind."""
        return cls(items.astype(np.intp), weights)  # what numpy indexes fastest with

    def summed(self, size: int) -> Doubles:
        """float64[size]: for each item of a model of so many the sum of its weights."""
        return np.bincount(self.items.ravel(), self.weights.ravel(), size).astype(np.float64, copy=False)

    def counted(self, factors: NDArray[np.float32]) -> "Named":
        """The first recent items only, the weights of each multiplied by its factor."""
        weights = self.weights[: len(factors)]
        return Named(self.items[: len(factors)], weights * factors[: len(weights), None])

    def by_recent(self, items: NDArray[np.int32], size: int) -> Doubles:
        """float64[items, recent]: with which weight each recent item names each of `items`; `size` as in `summed`."""
        recent = len(self.items)
        row = np.full(
            size, len(items) * recent
        )  # where an item's row of the table begins; one behind it for the others
        row[items] = np.arange(len(items)) * recent
        places = row.take(self.items) + np.arange(recent)[:, None]
        table = np.bincount(places.ravel(), self.weights.ravel(), (len(items) + 1) * recent)
        return table[: len(items) * recent].reshape(len(items), recent).astype(np.float64, copy=False)
