"""Never list what the user has met, finished, refused or hidden (see tables/seen.py), however long ago within the
retention."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, keep_all, split
from ranking.rules.viewer import Viewer
from ranking.seen_index import seen_indices
from tables.item_model import ItemModel


def seen(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:
    """Drops the items the user has met."""
    if viewer.user is None:
        return keep_all(items)
    met = np.zeros(len(model), np.bool_)
    met[seen_indices(viewer.user.seen, model)] = True
    return split(items, ~met[items])
