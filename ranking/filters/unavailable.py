"""Never list what nobody can use now: withdrawn from the catalogue, not yet or no longer available."""

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import RequestContexts
from ranking.ragged import Ragged
from tables.item_model import ItemModel


def unavailable(items: Ragged, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """Keeps what is offered then."""
    return model.catalog.offered(items.values, contexts.now_ms)
