"""Why an item is on a list, for machines (code) and for people (text). A reason is only given when it is true.

because_you_watched   more than half of the score is personal, and no recent item contributed more than the one it names
new                   released within 7 days ("New this week") or 30
trending              among the first 50 of the 24-hour trend of the place that the text names
popular               among the first 100 or the first tenth of all items by popularity
explore               nobody's favourite: the list tries it
for_you               none of these: a bit of everything
"""

import numpy as np
from numpy.typing import NDArray

from ranking.recommendations import ReasonCode
from ranking.taste import Taste
from streams.events import EventType
from streams.units import DAY_MS, WEEK_MS
from tables.engagement import POSITIVE_CODES
from tables.item_model import ItemModel
from tables.type_codes import CODE_OF

NEW_FOR_MS = 30 * DAY_MS
POPULAR_ITEMS = 100
POPULAR_SHARE = 0.1
PICKED = 0  # no event: chosen while onboarding

_CITABLE = {*POSITIVE_CODES, PICKED}
_VERBS = {
    PICKED: "picked",
    CODE_OF[EventType.CLICK]: "opened",
    CODE_OF[EventType.VIEW]: "viewed",
    CODE_OF[EventType.LIKE]: "liked",
    CODE_OF[EventType.RATING]: "rated",
    CODE_OF[EventType.PURCHASE]: "bought",
    CODE_OF[EventType.ADD_TO_LIST]: "saved",
}
_TEXTS: dict[ReasonCode, str] = {"popular": "Popular", "explore": "Something different", "for_you": "Picked for you"}

Reasons = tuple[list[ReasonCode], list[str], NDArray[np.int32]]


def because(code: int, title: str) -> str:
    """What a reason says of an event of the user's own, by its type code.

    >>> because(CODE_OF[EventType.LIKE], "Alien"), because(CODE_OF[EventType.PLAY], "Alien")
    ('Because you liked Alien', 'Because you watched Alien')
    """
    return f"Because you {_VERBS.get(code, 'watched')} {title}"


def personal_reasons(
    items: NDArray[np.int32],
    tried: NDArray[np.bool_],
    sources: NDArray[np.intp],
    taste: Taste,
    model: ItemModel,
    now_ms: int,
    country: str | None,
) -> Reasons:
    """Codes, texts and source items: the recent item behind each, else a shared reason. `sources` intp[items] is the
    place of the one that added most to a score that is mostly personal, -1 = none: what somebody disliked may speak for
    an item, but is no reason to give. What is only `tried` (bool by item) is no favourite of anybody, and says so."""
    citable = [place for place in set(sources.tolist()) if place >= 0 and taste.codes[place] in _CITABLE]
    cited = np.full(len(taste.recent) + 1, -1, np.int32)
    cited[citable] = taste.recent[citable]
    reason_items = cited[sources]  # -1 reads the last element
    citations = {place: because(taste.codes[place], model.title(int(cited[place]))) for place in citable}
    texts = [citations.get(place, "") for place in sources.tolist()]
    codes: list[ReasonCode] = ["because_you_watched"] * len(texts)
    (others,) = (reason_items < 0).nonzero()
    shared_codes, shared_texts, _ = shared_reasons(items[others], model, now_ms, country)
    for slot, is_tried, code, text in zip(
        others.tolist(), tried[others].tolist(), shared_codes, shared_texts, strict=True
    ):
        explores = is_tried and code != "new"
        codes[slot], texts[slot] = ("explore", _TEXTS["explore"]) if explores else (code, text)
    return codes, texts, reason_items


def shared_reasons(items: NDArray[np.int32], model: ItemModel, now_ms: int, country: str | None = None) -> Reasons:
    """Codes, texts and (no) source items for what is said of an item to everybody in a country (None = anywhere)."""
    age_ms = now_ms - model.catalog.released_at_ms[items]
    place, trending = model.trending_now(country, now_ms)
    popular = model.priors.prior[items] >= _popular_from(model)
    codes: list[ReasonCode] = []
    texts: list[str] = []
    for item, age, is_popular in zip(items.tolist(), age_ms.tolist(), popular.tolist(), strict=True):
        code: ReasonCode
        if 0 <= age < NEW_FOR_MS:
            code, text = "new", "New this week" if age < WEEK_MS else "New this month"
        elif item in trending:
            code, text = "trending", f"Trending in {place}" if place else "Trending now"
        else:
            code = "popular" if is_popular else "for_you"
            text = _TEXTS[code]
        codes.append(code)
        texts.append(text)
    return codes, texts, np.full(len(items), -1, np.int32)


def _popular_from(model: ItemModel) -> float:
    """The lowest prior that counts as popular."""
    order = model.priors.popular_order
    last = min(len(order), max(POPULAR_ITEMS, int(len(order) * POPULAR_SHARE))) - 1
    return float(model.priors.prior[order[last]]) if last >= 0 else 0.0
