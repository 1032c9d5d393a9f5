"""Never list what the user has met (see tables/seen.py for what counts), however long ago within the retention."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, split
from ranking.seen_index import seen_indices
from tables.item_model import ItemModel
from tables.user import User


def seen(items: NDArray[np.int32], user: User | None, model: ItemModel) -> Split:
    """Drops the items the user has met."""
    if user is None:
        return Split(items, items[:0])
    met = np.zeros(len(model), np.bool_)
    met[seen_indices(user.seen, model)] = True
    return split(items, ~met[items])
