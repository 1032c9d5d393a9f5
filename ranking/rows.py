"""The user's own rows of a homepage beside their list, and what the shared rows beside them depend on."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.reasons import PICKED, because
from ranking.recommendations import Recommendations
from ranking.related import related
from ranking.rules.disliked_genre import unwanted
from ranking.rules.hard import allowed
from ranking.rules.viewer import Viewer
from ranking.taste import Taste
from tables.engagement import POSITIVE_CODES
from tables.item_model import ItemModel

ROW_SIZE = 20
MIN_ROW = 4
ANCHORS = 3
_LIKED = {*POSITIVE_CODES, PICKED}


@dataclass(frozen=True, slots=True)
class Page:
    """What shared rows a user is shown: what is popular in their favourite `genre` ("" = not known), what is used in
    their `country` ("" = not known). Rows that are the same for everybody are not `shared` with people who restrict
    what they see: nobody checks those rows for them."""

    genre: str
    country: str
    shared: bool


def page_of(viewer: Viewer, genre_shares: dict[str, float], model: ItemModel) -> Page:
    """`genre_shares` are the user's genres, the favourite first (tables.user_features.genre_preferences)."""
    profile = viewer.profile
    named = [*genre_shares, *(profile.favorite_genres if profile else ())]
    excluded = {model.catalog.genre_names[number] for number in unwanted(viewer, model)}
    genre = next((name for name in named if name in model.catalog.genre_ids and name not in excluded), "")
    shared = profile is None or not (profile.kids or profile.maturity_max != "18" or profile.disliked_genres)
    return Page(genre, viewer.country or "", shared)


def after_last(taste: Taste, viewer: Viewer, model: ItemModel, size: int = ROW_SIZE) -> Recommendations:
    """What goes with the item the user liked last, or with one of those just before it when little goes with that: the
    list after playing, and the row "Because you watched ...". Empty when there is no such item."""
    liked = [(item, code) for item, code in zip(taste.recent.tolist(), taste.codes, strict=True) if code in _LIKED]
    for anchor, code in liked[:ANCHORS]:
        found = related(anchor, model)
        items, dropped = allowed(found.best(5 * size), viewer, model)
        if len(items) >= MIN_ROW:
            return _citing(items[:size], found.scores, anchor, because(code, model.title(anchor)), dropped)
    return _citing(np.zeros(0, np.int32), np.zeros(0, np.float32), -1, "", {})


def _citing(
    items: NDArray[np.int32],
    scores: NDArray[np.float32],
    anchor: int,
    text: str,
    dropped: dict[str, NDArray[np.int32]],
) -> Recommendations:
    count = len(items)
    return Recommendations(
        items,
        scores[items],
        ["because_you_watched"] * count,
        [text] * count,
        np.full(count, anchor, np.int32),
        "personal",
        {rule: len(left_out) for rule, left_out in dropped.items()},
    )
