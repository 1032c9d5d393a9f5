"""Never list genres that the user does not want: those the profile says, and those the history says clearly.

Clearly: of the last 100 items at least three more of the genre were refused (disliked, skipped, hidden) than liked, and
a larger share of them, by a quarter of all, than of the items of other genres. One skipped film is no verdict on its
genre; who skips most of everything says nothing about genres, and would be left without a list. What is published as
`disliked_genres` of a user starts at one.
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING

import numpy as np
from numpy.typing import NDArray

from ranking.interests import IS_POSITIVE, Asked, Histories
from ranking.kernels.filters import keep_without
from ranking.kernels.interests import add_refused
from ranking.ragged import Ragged
from streams.contract.unreadable import ANY_GENRE
from tables.item_model import ItemModel

if TYPE_CHECKING:
    from ranking.filters.request_context import RequestContexts

CLEAR_MARGIN = 3
CLEAR_SHARE = 0.25


def disliked_genre(items: Ragged, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """Keeps items that have no disliked genre."""
    keep = np.ones(len(items.values), np.bool_)
    if contexts.unwanted.any():
        keep_without(*items, model.catalog.genre_columns.bits, contexts.unwanted, keep)
    return keep


def unwanted(asked: Sequence[Asked], histories: Histories, model: ItemModel) -> NDArray[np.uint64]:
    """uint64[users, words]: the genres that are not to be listed, as bits by genre number."""
    columns, ids = model.catalog.genre_columns, model.catalog.genre_ids
    words = np.zeros((len(asked), columns.bits.shape[1]), np.uint64)
    for place, (_, profile) in enumerate(asked):
        said = profile.disliked_genres if profile else ()
        if said:
            genres = ids.values() if ANY_GENRE in said else (ids[name] for name in said if name in ids)
            words[place] = columns.word_of(genres)
    add_refused(
        histories.items.offsets,
        histories.items.values,
        histories.codes,
        IS_POSITIVE,
        histories.liked,
        CLEAR_MARGIN,
        CLEAR_SHARE,
        columns.bits,
        words,
    )
    return words
