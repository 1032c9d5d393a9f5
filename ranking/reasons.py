"""Why an item is on a list, for machines (code) and for people (text)."""

import numpy as np
from numpy.typing import NDArray

from ranking.co_occurrence import Personal
from ranking.rank import Ranked
from ranking.recommendations import ReasonCode
from ranking.taste import Taste
from streams.events import EventType
from tables.item_model import DAY_MS, ItemModel
from tables.type_codes import CODE_OF

NEW_FOR_MS = 30 * DAY_MS
_VERBS = {CODE_OF[EventType.LIKE]: "liked", CODE_OF[EventType.PURCHASE]: "bought"}
_TEXTS: dict[ReasonCode, str] = {
    "trending": "Trending now",
    "popular": "Popular",
    "new": "New",
    "explore": "Something different",
}

Reasons = tuple[list[ReasonCode], list[str], NDArray[np.int32]]


def personal_reasons(
    ranked: Ranked, tried: NDArray[np.bool_], personal: Personal, taste: Taste, model: ItemModel, now_ms: int
) -> Reasons:
    """Codes, texts and source items: the recent item behind each score that is mostly personal, else a shared one.
    What is only `tried` (bool by item) is no favourite of anybody, and says so."""
    found = personal.strongest_recent(ranked.items)
    found[ranked.personal_share < 0.5] = -1
    because = [
        f"Because you {_VERBS.get(code, 'watched')} {model.title(index)}"
        for index, code in zip(taste.recent.tolist(), taste.codes, strict=True)
    ]
    shared = shared_codes(ranked.items, model, now_ms)
    for place in np.flatnonzero(tried).tolist():
        shared[place] = "new" if shared[place] == "new" else "explore"
    places = found.tolist()
    codes: list[ReasonCode] = [
        "because_you_watched" if place >= 0 else code for place, code in zip(places, shared, strict=True)
    ]
    texts = [because[place] if place >= 0 else _TEXTS[code] for place, code in zip(places, shared, strict=True)]
    recent = np.append(taste.recent, np.int32(-1))  # place -1 reads the last element
    return codes, texts, recent[found]


def shared_reasons(items: NDArray[np.int32], model: ItemModel, now_ms: int) -> Reasons:
    """Codes, texts and (no) source items for a list that is the same for everybody."""
    codes = shared_codes(items, model, now_ms)
    return codes, [_TEXTS[code] for code in codes], np.full(len(items), -1, np.int32)


def shared_codes(items: NDArray[np.int32], model: ItemModel, now_ms: int) -> list[ReasonCode]:
    """new = released within 30 days; trending = stronger in the last week than over all time; else popular."""
    new = model.catalog.released_at_ms[items] > now_ms - NEW_FOR_MS
    rising = model.priors.trend_7d[items] > model.priors.popularity[items]
    names: tuple[ReasonCode, ...] = ("popular", "trending", "new", "new")
    return [names[number] for number in (rising + 2 * new).tolist()]
