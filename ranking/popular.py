"""Candidates for everybody: what fills a list when the user's taste does not."""

import numpy as np
from numpy.typing import NDArray

from tables.item_model import ItemModel


def candidates(model: ItemModel, size: int) -> NDArray[np.int32]:
    """The first `size` items by prior (popularity and 28-day trend in equal parts)."""
    return model.priors.popular_order[:size]
