"""Never list what nobody can use now: withdrawn from the catalogue, not yet or no longer available."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, split
from ranking.rules.viewer import Viewer
from tables.item_model import ItemModel


def unavailable(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:
    """Drops what is not offered then."""
    return split(items, model.catalog.offered(items, viewer.now_ms))
