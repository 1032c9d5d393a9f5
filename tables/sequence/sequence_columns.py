"""A sequence model's rows by the item numbers of an item model: which row is an item's, and its vectors in that order.

Items that the model was not trained on have no row: row -1, and vectors of zeros, which say nothing.
"""

import numpy as np
from numpy.typing import NDArray

from tables.columns import grown
from tables.item_keys import Keys
from tables.sequence.sequence_model import SequenceModel

Floats = NDArray[np.float32]
Ints = NDArray[np.int32]

_GROW = 1.5


class SequenceColumns:
    """`rows` int32[capacity] by item number, `numbers` int32[rows of the model] the inverse, -1 = not known.
    `vectors` float32[capacity, dimensions + 1] are embeddings with the bias behind."""

    def __init__(self, model: SequenceModel) -> None:
        self.model = model
        keys = model.keys()
        self._order = np.argsort(keys).astype(np.int32)
        self._sorted = keys[self._order]
        self._weighted = np.concatenate([model.arrays["embeddings"], model.arrays["biases"][:, None]], axis=1)
        self._followed = 0
        self.rows: Ints = np.zeros(0, np.int32)
        self.numbers: Ints = np.full(len(keys), -1, np.int32)
        self.vectors: Floats = np.zeros((0, self._weighted.shape[1]), np.float32)

    def follow(self, keys: Keys) -> None:
        """Takes over items that were numbered since: `keys` uint64[items] by number, those before unchanged."""
        first, end = self._followed, len(keys)
        if end <= first:
            return
        if end > len(self.rows):
            capacity = int(end * _GROW) + 64
            self.rows, self.vectors = grown(self.rows, capacity, -1), grown(self.vectors, capacity)
        new = keys[first:end]
        places = np.minimum(np.searchsorted(self._sorted, new), len(self._sorted) - 1)
        rows = np.where(self._sorted[places] == new, self._order[places], -1).astype(np.int32)
        known = rows >= 0
        self.rows[first:end] = rows
        self.vectors[first:end][known] = self._weighted[rows[known]]
        self.numbers[rows[known]] = np.flatnonzero(known) + first
        self._followed = end
