"""The vectors of all items as followers hold them: what was fitted, and for what is newer than the fit an estimate.

    vector = k / (k + 5) * learned + 5 / (k + 5) * content        scaled to length 1

k are the item's visits, `content` is predicted from the catalogue by ridge regression on the fitted items, and
`learned` is the fitted vector; of an item that was not fitted yet the mean of its neighbours', weighted by how often
they are used together. So an item has a vector the moment the catalogue names it.
"""

import numpy as np
from numpy.typing import NDArray

from tables import content
from tables.columns import grown
from tables.item_catalog import ItemCatalog
from tables.neighbour_columns import NeighbourColumns
from tables.spectral import DIMENSIONS
from tables.vector_index import VectorIndex

CONTENT_STRENGTH = 5.0
MIN_FITTED = 100  # fewer say nothing about what content means
_CHUNK = 512

Floats = NDArray[np.float32]


class ItemVectors:
    """`fitted` float32[capacity, 128] with `is_fitted` bool[capacity]; `vectors` float32[capacity, 128] is what to
    use, length 1 or 0 (nothing known), and `index` finds the nearest. `epoch` counts the fitted rows that arrived."""

    def __init__(self) -> None:
        self.fitted = np.zeros((0, DIMENSIONS), np.float32)
        self.is_fitted = np.zeros(0, np.bool_)
        self.vectors = np.zeros((0, DIMENSIONS), np.float32)
        self.index = VectorIndex(DIMENSIONS)
        self.epoch = 0
        self._touched = np.zeros(0, np.bool_)  # something was learned since the vector was blended
        self._coefficients: Floats | None = None
        self._blended_epoch = 0

    def grow(self, capacity: int) -> None:
        """Make room for `capacity` items."""
        self.fitted, self.is_fitted = grown(self.fitted, capacity), grown(self.is_fitted, capacity)
        self.vectors = grown(self.vectors, capacity)
        self._touched = grown(self._touched, capacity, True)

    def put(self, index: int, value: bytes | None) -> None:
        """Follow a fitted vector."""
        self.epoch += 1
        self.is_fitted[index] = value is not None
        self.fitted[index] = 0 if value is None else decode(value)

    def touch(self, indices: int | NDArray[np.integer]) -> None:
        """The neighbours, visits or catalogue entries of these items changed."""
        self._touched[indices] = True

    def refresh(
        self, items: int, catalog: ItemCatalog, neighbours: NeighbourColumns, visits: NDArray[np.float64]
    ) -> None:
        """Bring `vectors` of the first `items` items up to date: all after a fit, else of those not
        fitted yet the touched ones."""
        everything = self.epoch != self._blended_epoch
        if everything:
            self._blended_epoch = self.epoch
            known = np.flatnonzero(self.is_fitted[:items])
            bags = [catalog.tokens[index] for index in known.tolist()]
            self._coefficients = content.ridge(bags, self.fitted[known]) if len(known) >= MIN_FITTED else None
        if not self.epoch:
            return
        chosen = np.arange(items) if everything else np.flatnonzero(self._touched[:items] & ~self.is_fitted[:items])
        self._touched[:items] = False
        for start in range(0, len(chosen), _CHUNK):
            self._blend(chosen[start : start + _CHUNK], catalog, neighbours, visits)

    def _blend(
        self,
        chosen: NDArray[np.int64],
        catalog: ItemCatalog,
        neighbours: NeighbourColumns,
        visits: NDArray[np.float64],
    ) -> None:
        learned = self.fitted[chosen].copy()
        new = ~self.is_fitted[chosen]
        learned[new] = _unit(self._mean_of_neighbours(chosen[new], neighbours))
        strength: Floats = (visits[chosen] / (visits[chosen] + CONTENT_STRENGTH))[:, None].astype(np.float32)
        blended = learned
        if self._coefficients is not None:
            bags = [catalog.tokens[index] for index in chosen.tolist()]
            blended = _unit(strength * learned + (1 - strength) * _unit(content.matrix(bags) @ self._coefficients))
        self.vectors[chosen] = blended
        self.index.put(chosen.astype(np.int32), blended)

    def _mean_of_neighbours(self, chosen: NDArray[np.int64], neighbours: NeighbourColumns) -> Floats:
        weights, items = neighbours.weights[chosen], neighbours.items[chosen]
        sums: Floats = np.einsum("in,ind->id", weights, self.fitted[items])
        return sums


def encode(vector: Floats) -> bytes:
    """float16 little-endian: a quarter of a percent is far below what the fit means."""
    return vector.astype("<f2").tobytes()


def decode(value: bytes) -> Floats:
    """The vector in a row."""
    return np.frombuffer(value, "<f2").astype(np.float32)


def _unit(rows: Floats) -> Floats:
    scaled: Floats = rows / np.maximum(np.linalg.norm(rows, axis=1, keepdims=True), 1e-12)
    return scaled
