"""Which genres users like and dislike by their histories.

preferences   moving average over the last 50 liked items that have genres, oldest first: p = 0.9 p + 0.1 (the item's
              genres in equal parts); then divided by its sum. What is older would weigh 0.5 % together.
disliked      genres whose disliked items in the history outnumber the liked ones
"""

import numpy as np

from ranking.interests import IS_POSITIVE, Histories
from ranking.kernels.interests import add_genre_preferences
from tables.item_model import ItemModel
from tables.user_features import GenrePreferences

GENRE_STEP = 0.1
GENRE_ITEMS = 50
_WORD = 64


def genre_preferences(histories: Histories, model: ItemModel) -> list[GenrePreferences]:
    """By user; of equal preferences the one that was met in a newer item comes first, and an item's category before its
    other genres."""
    columns, names = model.catalog.genre_columns, model.catalog.genre_names
    items = histories.items
    shape = len(items.offsets) - 1, columns.bits.shape[1] * _WORD
    shares, met_as, balance = np.zeros(shape), np.zeros(shape, np.int64), np.zeros(shape, np.int64)
    add_genre_preferences(
        items.offsets,
        items.values,
        histories.codes,
        IS_POSITIVE,
        GENRE_ITEMS,
        GENRE_STEP,
        columns.category,
        columns.bits,
        shares,
        met_as,
        balance,
    )
    preferences: list[dict[str, float]] = [{} for _ in range(shape[0])]
    users, genres = met_as.nonzero()
    found, ranks = shares[users, genres], met_as[users, genres]
    order = np.lexsort((ranks, -found, users))
    for user, genre, share in zip(users[order].tolist(), genres[order].tolist(), found[order].tolist(), strict=True):
        preferences[user][names[genre]] = share
    disliked: list[set[str]] = [set() for _ in range(shape[0])]
    for user, genre in zip(*(places.tolist() for places in (balance < 0).nonzero()), strict=True):
        disliked[user].add(names[genre])
    return [GenrePreferences(own, frozenset(others)) for own, others in zip(preferences, disliked, strict=True)]
