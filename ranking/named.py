"""What each of a user's recent items says of the items it names, kept so that sums over it can be taken apart again."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

Doubles = NDArray[np.float64]


@dataclass(frozen=True, slots=True)
class Named:
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
        slot = np.full(size, -1, np.int32)
        slot[items] = np.arange(len(items), dtype=np.int32)
        asked = slot.take(self.items.ravel())
        (hits,) = (asked >= 0).nonzero()
        weights = self.weights.ravel()[hits]
        filled = weights > 0
        hits = hits[filled]
        table = np.zeros((len(items), len(self.items)))
        table[asked[hits], hits // self.items.shape[1]] = weights[filled]
        return table
