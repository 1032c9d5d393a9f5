"""Never list genres that the user does not want: those the profile says, and those the history says clearly.

Clearly: of the last 100 items at least three more of the genre were refused (disliked, skipped, hidden) than liked, and
a larger share of them, by a quarter of all, than of the items of other genres. One skipped film is no verdict on its
genre; who skips most of everything says nothing about genres, and would be left without a list. What is published as
`disliked_genres` of a user starts at one.
"""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, keep_all, split
from ranking.rules.viewer import Viewer
from tables.engagement import POSITIVE_CODES
from tables.item_model import ItemModel
from tables.user import User

CLEAR_MARGIN = 3
CLEAR_SHARE = 0.25


def disliked_genre(items: NDArray[np.int32], viewer: Viewer, model: ItemModel) -> Split:
    """Drops items that have a disliked genre."""
    genres = unwanted(viewer, model)
    if not genres:
        return keep_all(items)
    columns = model.catalog.genre_columns
    return split(items, ~columns.any_of(items, columns.word_of(genres)))


def unwanted(viewer: Viewer, model: ItemModel) -> set[int]:
    """Numbers of the genres that are not to be listed."""
    ids = model.catalog.genre_ids
    said = viewer.profile.disliked_genres if viewer.profile else ()
    learned = _remembered(viewer.user, viewer.now_ms, model) if viewer.user else set()
    return learned | {ids[genre] for genre in said if genre in ids}


def _remembered(user: User, now_ms: int, model: ItemModel) -> set[int]:
    """What was learned for this row and moment: the lists of one refresh ask for it several times."""
    moment = (user.row.last_offset, now_ms)
    if user.memo is None or user.memo[0] != moment:
        user.memo = (moment, _learned(user, model))
    return user.memo[1]


def _learned(user: User, model: ItemModel) -> set[int]:
    history = user.history
    if len(history) - history.liked < CLEAR_MARGIN:
        return set()
    bits = model.catalog.genre_columns.bits
    indices = np.fromiter(map(model.index, history.entries), np.intp, len(history))
    is_refused = np.array([code not in POSITIVE_CODES for _, code in history.entries.values()])
    known = indices >= 0
    has = _genres(bits[indices[known]])
    met, refused = has.sum(axis=0, dtype=np.int64), has[is_refused[known]].sum(axis=0, dtype=np.int64)
    all_met, all_refused = len(history), len(history) - history.liked
    return {
        genre
        for genre in (2 * refused - met >= CLEAR_MARGIN).nonzero()[0].tolist()
        if refused[genre] / met[genre] >= (all_refused - refused[genre]) / max(all_met - met[genre], 1) + CLEAR_SHARE
    }


def _genres(bits: NDArray[np.uint64]) -> NDArray[np.uint8]:
    """uint8[items, genres up to the end of the last word]: 1 where the item has the genre."""
    return np.unpackbits(bits.astype("<u8", copy=False).view(np.uint8), axis=1, bitorder="little")
