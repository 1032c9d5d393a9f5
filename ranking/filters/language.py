"""Never list what the user could not follow: an item that names the languages it is available in, none of them theirs.

Those are `attributes.languages` of the catalogue, audio and subtitles together. An item that names none is available to
everybody, and so is every item to a user whose language is not known. `language`, the original one, excludes nobody.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.filters.request_context import RequestContexts
from ranking.kernels.filters import keep_open
from ranking.ragged import Ragged
from tables.item_model import ItemModel


def language(items: Ragged, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """Keeps what is available in the user's language."""
    keep, languages = np.ones(len(items.values), np.bool_), model.catalog.languages
    if len(languages):
        keep_open(*items, languages.bounded, languages.bits, contexts.languages, keep)
    return keep
