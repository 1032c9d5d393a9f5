"""The user's vectors: running, recency-weighted sums of the vectors of what they used.

u = sum over the last 50 items, newest at place 0, of decay^place * weight * v(item)     scaled to length 1

The decay is 0.6 for the vector that finds candidates and is published, and 0.95 for a second one: the taste that does
not change with the evening, which is what tells most about items that nobody has used yet.
"""

import math

import numpy as np
from numpy.typing import NDArray

from ranking.taste import RECENT_ITEMS, Taste
from tables.item_model import ItemModel

PLACE_DECAY = 0.6
LASTING_DECAY = 0.95
_PLACE_WEIGHTS = (np.array([[PLACE_DECAY], [LASTING_DECAY]]) ** np.arange(RECENT_ITEMS)).astype(np.float32)


def user_vectors(taste: Taste, model: ItemModel) -> NDArray[np.float32]:
    """float32[2, 128] of length 1, or 0 when nothing the user used has a vector: the vector, and the lasting one."""
    vectors: NDArray[np.float32] = weights_of(taste) @ model.vectors.vectors.take(taste.recent, 0)
    for vector in vectors:
        length = math.sqrt(vector @ vector)
        if length > 0:
            vector /= np.float32(length)
    return vectors


def weights_of(taste: Taste) -> NDArray[np.float32]:
    """float32[2, recent]: how much each recent item counts in either vector."""
    weights: NDArray[np.float32] = _PLACE_WEIGHTS[:, : len(taste.recent)] * taste.weights
    return weights
