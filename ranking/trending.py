"""Candidates that are rising now."""

import numpy as np
from numpy.typing import NDArray

from tables.item_model import ItemModel


def candidates(model: ItemModel, size: int) -> NDArray[np.int32]:
    """The first `size` items by 7-day trend."""
    return model.priors.trending_order[:size]
