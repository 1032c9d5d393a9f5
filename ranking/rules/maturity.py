"""Never list what is rated for older people than the profile allows; children's profiles see at most what is for 7."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, keep_all, split
from ranking.rules.viewer import Viewer
from streams.catalog import maturity_age
from tables.item_model import ItemModel

KIDS_MAX_AGE = 7


def maturity(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:
    """Drops what is too mature; without a profile everything is allowed."""
    profile = viewer.profile
    if profile is None:
        return keep_all(items)
    allowed = maturity_age(profile.maturity_max)
    if profile.kids:
        allowed = min(allowed, KIDS_MAX_AGE)
    return split(items, model.catalog.maturity_age[items] <= allowed)
