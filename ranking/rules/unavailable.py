"""Never list what the user could not use: withdrawn, out of its dates or regions, too mature, of a disliked genre."""

import numpy as np
from numpy.typing import NDArray

from ranking.rules.split import Split, split
from streams.catalog import UserProfile, maturity_age
from tables.item_model import ItemModel
from tables.user import User

KIDS_MAX_AGE = 7


def unavailable(
    items: NDArray[np.int32], user: User | None, profile: UserProfile | None, model: ItemModel, now_ms: int
) -> Split:
    """Drops what is not available to the user at `now_ms`; the last seen country counts before the profile's."""
    country = (user.row.country if user else "") or (profile.country if profile else None)
    keep = model.catalog.available(items, now_ms, country)
    if profile is not None:
        keep &= model.catalog.maturity_age[items] <= _oldest_rating(profile)
        keep &= ~_of_genres(items, profile.disliked_genres, model)
    return split(items, keep)


def _oldest_rating(profile: UserProfile) -> int:
    allowed = maturity_age(profile.maturity_max)
    return min(allowed, KIDS_MAX_AGE) if profile.kids else allowed


def _of_genres(items: NDArray[np.int32], genres: tuple[str, ...], model: ItemModel) -> NDArray[np.bool_]:
    ids = {model.catalog.genre_ids[genre] for genre in genres if genre in model.catalog.genre_ids}
    if not ids:
        return np.zeros(len(items), np.bool_)
    return np.array([not ids.isdisjoint(model.catalog.genres[index]) for index in items.tolist()], np.bool_)
