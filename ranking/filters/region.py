"""Never list what the user's country may not see; where the country is not known, only what all countries may."""

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import RequestContexts
from ranking.kernels.filters import keep_open
from ranking.ragged import Ragged
from tables.item_model import ItemModel


def region(items: Ragged, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """Keeps what is not licensed for other countries only."""
    keep, regions = np.ones(len(items.values), np.bool_), model.catalog.regions
    if len(regions):
        keep_open(*items, regions.bounded, regions.bits, contexts.countries, keep)
    return keep
