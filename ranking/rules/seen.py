"""Never list what the user has met, finished, refused or hidden (see tables/seen.py), however long ago within the
retention."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, split
from ranking.rules.viewer import Viewer
from tables.item_model import ItemModel


def seen(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:  # noqa: ARG001  all rules alike
    """Drops the items the user has met."""
    return split(items, viewer.unmet[items])
