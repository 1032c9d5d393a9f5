"""Never list what the user could not follow: an item that names the languages it is available in, none of them theirs.

Those are `attributes.languages` of the catalogue, audio and subtitles together. An item that names none is available to
everybody, and so is every item to a user whose language is not known. `language`, the original one, excludes nobody.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, split
from ranking.rules.viewer import Viewer
from tables.item_model import ItemModel


def language(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:
    """Drops what is not available in the user's language."""
    return split(items, model.catalog.spoken(items, viewer.language))
