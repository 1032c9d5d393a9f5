"""Never list what the user has met, finished, refused or hidden (see tables/seen.py), however long ago within the
retention."""

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import RequestContexts
from ranking.kernels.filters import keep_unmet
from ranking.ragged import Ragged
from tables.item_model import ItemModel


def seen(items: Ragged, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """Keeps the items that their user has not met."""
    keep = np.empty(len(items.values), np.bool_)
    keep_unmet(*items, *contexts.met, len(model), keep)
    return keep
