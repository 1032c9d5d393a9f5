"""The users' own rows of a homepage beside their lists, and what the shared rows beside them depend on."""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.filters.eligibility import RULES, allowed
from ranking.filters.request_context import RequestContexts, country_of
from ranking.interests import Interests
from ranking.ragged import Ints, Ragged
from ranking.reasons import citable
from ranking.related import NOTHING_RELATED, Nearest, RelatedCache
from tables.item_model import ItemModel

ROW_SIZE = 20
MIN_ROW = 4
ANCHORS = 3


@dataclass(frozen=True, slots=True)
class Page:
    """What shared rows a user is shown: what is popular in their favourite `genre` ("" = not known), what is used in
    their `country` ("" = not known). The endpoint leaves out of them what the user may not see. `searches` are the
    user's own, the newest first, each with its time in ms since the epoch."""

    genre: str
    country: str
    searches: tuple[tuple[str, int], ...] = ()


def page_of(contexts: RequestContexts, number: int, genre_shares: dict[str, float], model: ItemModel) -> Page:
    """The page of one viewer; `genre_shares` are their genres, the favourite first
    (ranking.genre_preferences)."""
    user, profile = contexts.asked[number]
    named = [*genre_shares, *(profile.favorite_genres if profile else ())]
    excluded = {model.catalog.genre_names[genre] for genre in contexts.unwanted_genres(number, model)}
    genre = next((name for name in named if name in model.catalog.genre_ids and name not in excluded), "")
    searched = user.row.behaviour.searches if user is not None else []
    searches = tuple((row.query, row.searched_at_ms) for row in reversed(searched))
    return Page(genre, country_of(contexts.asked[number]) or "", searches)


@dataclass(frozen=True, slots=True)
class AfterLast:
    """What goes with one of the items that each user liked last: `items` best first with `scores` float32[items]; by
    user that item, `anchors` int32[users], -1 = none, and the type code of what they did with it."""

    items: Ragged
    scores: NDArray[np.float32]
    anchors: Ints
    codes: NDArray[np.uint8]


def after_last(interests: Interests, contexts: RequestContexts, kept: RelatedCache, size: int = ROW_SIZE) -> AfterLast:
    """What goes with the item a user liked last, or with one of those just before it when little goes with that: the
    list after playing, and the row "Because you watched ...". Empty when there is no such item."""
    users = len(contexts.asked)
    may_be_cited = citable(interests, contexts, kept.model)
    liked = [_liked(interests, may_be_cited, number) for number in range(users)]
    rows = [NOTHING_RELATED] * users
    anchors, codes = np.full(users, -1, np.int32), np.zeros(users, np.uint8)
    for _ in range(ANCHORS):
        asked = [next(own, None) if anchors[number] < 0 else None for number, own in enumerate(liked)]
        if not any(asked):
            break
        found = [NOTHING_RELATED if one is None else kept.nearest(one[0], contexts.now_ms) for one in asked]
        near = Ragged.of([nearest.items for nearest in found])
        scores = np.concatenate([nearest.scores for nearest in found])
        keep = allowed(near, contexts, kept.model, RULES).keep
        left, shown = near.where(keep), scores[keep]
        for number, one in enumerate(asked):
            first, end = left.offsets[number], left.offsets[number + 1]
            if one is not None and end - first >= MIN_ROW:
                end = min(end, first + size)
                rows[number] = Nearest(left.values[first:end], shown[first:end])
                anchors[number], codes[number] = one
    return AfterLast(
        Ragged.of([row.items for row in rows]), np.concatenate([row.scores for row in rows]), anchors, codes
    )


def _liked(interests: Interests, may_be_cited: NDArray[np.bool_], number: int) -> Iterator[tuple[int, int]]:
    """The items that a user liked last and may be told of, the newest first, with the codes."""
    own = slice(*interests.recent.offsets[number : number + 2].tolist())
    items, codes = interests.recent.values[own], interests.codes[own]
    (places,) = may_be_cited[own].nonzero()
    places = places[:ANCHORS]
    return zip(items[places].tolist(), codes[places].tolist(), strict=True)
