"""Never list what is rated for older people than the profile allows; children's profiles see at most what is for 7.

Who says nothing about it, with or without a profile, sees what the default allows (`FRESHET_DEFAULT_MATURITY`).
"""

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import RequestContexts
from ranking.ragged import Ragged
from tables.item_model import ItemModel


def maturity(items: Ragged, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """Keeps what is not too mature."""
    limits = np.repeat(contexts.ages, np.diff(items.offsets))
    keep: NDArray[np.bool_] = model.catalog.maturity_age[items.values] <= limits
    return keep
