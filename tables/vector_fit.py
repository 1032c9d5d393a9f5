"""Fits item vectors from the followed item model and says which rows of `item.model` changed by it."""

import numpy as np

from tables import item_rows, item_vectors
from tables.forward_decay import fading
from tables.item_model import ItemModel
from tables.spectral import affinity_of, fit

MIN_SHIFT = 0.01  # 1 - cosine: closer to what is published is not worth its bytes


def fitted_rows(model: ItemModel, now_ms: int) -> list[tuple[bytes, bytes]]:
    """(key, value) of the vectors that moved, as of `now_ms`. Reads the model and changes nothing."""
    items = len(model)
    before = model.vectors.fitted[:items]
    is_fitted = model.vectors.is_fitted[:items]
    affinity = affinity_of(model.neighbours, model.norm, items, fading(now_ms))
    vectors = fit(affinity, before if is_fitted.any() else None)
    shift = 1 - np.einsum("ij,ij->i", vectors, before)
    moved = np.flatnonzero(vectors.any(axis=1) & (~is_fitted | (shift > MIN_SHIFT)))
    named = [(model.ids[index], index) for index in moved.tolist() if model.ids[index]]
    return [(item_rows.vector_key(item_id), item_vectors.encode(vectors[index])) for item_id, index in named]
