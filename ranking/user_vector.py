"""The user's vector: a running, recency-weighted sum of the vectors of what they used.

u = sum over the last 50 items, newest at place 0, of 0.85^place * weight * v(item)     scaled to length 1
"""

import numpy as np
from numpy.typing import NDArray

from ranking.taste import RECENT_ITEMS, Taste
from tables.item_model import ItemModel

PLACE_DECAY = 0.85
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(RECENT_ITEMS)).astype(np.float32)


def user_vector(taste: Taste, model: ItemModel) -> NDArray[np.float32]:
    """float32[128] of length 1, or 0 when nothing the user used has a vector."""
    weights = weights_of(taste)
    vector: NDArray[np.float32] = weights @ model.vectors.vectors[taste.recent]
    length = float(np.sqrt(vector @ vector))
    return vector / np.float32(length) if length > 0 else vector


def weights_of(taste: Taste) -> NDArray[np.float32]:
    """float32[recent]: how much each recent item counts."""
    weights: NDArray[np.float32] = _PLACE_WEIGHTS[: len(taste.recent)] * taste.weights
    return weights
