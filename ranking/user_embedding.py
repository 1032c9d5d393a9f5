"""The users' vectors: running, recency-weighted sums of the vectors of what they used.

u = sum over the last 50 items, newest at place 0, of decay^place * weight * v(item)     scaled to length 1

The decay is 0.6 for the vector that finds candidates and is published, and 0.95 for a second one: the long-term
interest, which does not change with the session and is what tells most about items that nobody has used yet.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.interests import RECENT_ITEMS, Asked, Histories, Interests
from ranking.kernels.interests import add_vectors
from tables.item_model import ItemModel
from tables.user import User

PLACE_DECAY = 0.6
LONG_TERM_DECAY = 0.95
#: float32[2, places]: how much an item counts in either vector, by its place.
PLACE_WEIGHTS = (np.array([[PLACE_DECAY], [LONG_TERM_DECAY]]) ** np.arange(RECENT_ITEMS)).astype(np.float32)

Floats = NDArray[np.float32]


def user_embeddings(interests: Interests, model: ItemModel) -> Floats:
    """float32[users, 2, 128] of length 1, or 0 when nothing the user used has a vector: the vector, and the
    long-term one."""
    vectors = model.vectors.vectors
    sums = np.zeros((len(interests.unknown), len(PLACE_WEIGHTS), vectors.shape[1]), np.float32)
    add_vectors(interests.recent.offsets, interests.recent.values, interests.weights, PLACE_WEIGHTS, vectors, sums)
    lengths = np.sqrt(np.einsum("ukd,ukd->uk", sums, sums))
    lengths[lengths <= 0] = 1
    sums /= lengths[:, :, None]
    return sums


def user_embedding(user: User | None, model: ItemModel) -> Floats:
    """float32[128]: the one that finds candidates and is published, of one user."""
    asked: list[Asked] = [(user, None)]
    vectors = user_embeddings(Interests.of(asked, Histories.of(asked, model), model), model)
    own: Floats = vectors[0, 0]
    return own
