"""Never list what the user's country may not see; where the country is not known, only what all countries may."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, split
from ranking.rules.viewer import Viewer
from tables.item_model import ItemModel


def region(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:
    """Drops what is licensed for other countries."""
    return split(items, model.catalog.allowed_in(items, viewer.country))
