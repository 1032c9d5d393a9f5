"""Why an item is on a list, for machines (code) and for people (text). A reason is only given when it is true.

because_you_watched   more than half of the score is personal, and no recent item contributed more than the one it
                      names, which the viewer may see
new                   released within 7 days ("New this week") or 30
trending              among the first 50 of the 24-hour trend of the place that the text names
popular               among the first 100 or the first tenth of all items by popularity
explore               nobody's favourite: the list tries it
for_you               none of these: a bit of everything
featured              an operator's rule gives it its slot (ranking/rerank/pins.py)
seen_again            there is nothing left that is new to the user (ranking/seen_again.py)
"""

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.filters.eligibility import AGAIN_RULES, allowed
from ranking.filters.request_context import RequestContexts
from ranking.interests import IS_POSITIVE, Interests
from ranking.kernels.reasons import shared_codes
from ranking.ragged import Ints, Ragged
from ranking.recommendations import CODES, PICKED, ListReason, ReasonCode, text_of
from streams.contract.units import DAY_MS, WEEK_MS
from tables.item_model import ItemModel

NEW_FOR_MS = 30 * DAY_MS
POPULAR_ITEMS = 100
POPULAR_SHARE = 0.1

#: What somebody disliked may speak for an item, but is no reason to give.
_IS_REASON = IS_POSITIVE.copy()
_IS_REASON[PICKED] = True
_SHARED = (
    ListReason.NEW_THIS_WEEK,
    ListReason.NEW_THIS_MONTH,
    ListReason.TRENDING,
    ListReason.POPULAR,
    ListReason.FOR_YOU,
)
_SHARED_CODES = np.array(_SHARED, np.uint8)
_NEW = np.array(_SHARED[:2], np.uint8)

Codes = NDArray[np.uint8]


class Reasons(NamedTuple):
    """By listed item: `codes` uint8[items] (`recommendations.ListReason`), the item `cited` int32[items], -1 = none,
    and what was done with it, `cited_codes` uint8[items]; by user whose trend they are told of."""

    codes: Codes
    cited: Ints
    cited_codes: Codes
    trend_places: list[str]


def citable(interests: Interests, contexts: RequestContexts, model: ItemModel) -> NDArray[np.bool_]:
    """bool[recent items]: which may be named to the viewer. What they may not see is not: a guest they are linked with
    may have used it, or the catalogue or their profile said something else then."""
    shown = allowed(interests.recent, contexts, model, AGAIN_RULES).keep
    found: NDArray[np.bool_] = _IS_REASON[interests.codes] & shown
    return found


def personal_reasons(
    items: Ragged,
    tried: NDArray[np.bool_],
    sources: NDArray[np.int64],
    interests: Interests,
    may_be_cited: NDArray[np.bool_],
    countries: Sequence[str | None],
    places: NDArray[np.int64],
    model: ItemModel,
    now_ms: int,
) -> Reasons:
    """The recent item behind each listed item, else a shared reason. `sources` int64[items] is the place (among all
    recent items of the batch) of the one that added most to a score that is mostly personal, -1 = none; `may_be_cited`
    says which of those are named (`citable`). What is only `tried` bool[items] is no favourite of anybody, and says
    so. `countries` are those of all users, `places` int64[users] which of them is theirs."""
    codes, trend_places = _shared(items, countries, places, model, now_ms)
    codes[tried & ~np.isin(codes, _NEW)] = ListReason.EXPLORE
    cited, cited_codes = np.full(len(codes), -1, np.int32), np.zeros(len(codes), np.uint8)
    (slots,) = (sources >= 0).nonzero()
    slots = slots[may_be_cited[sources[slots]]]
    codes[slots] = ListReason.BECAUSE
    cited[slots] = interests.recent.values[sources[slots]]
    cited_codes[slots] = interests.codes[sources[slots]]
    return Reasons(codes, cited, cited_codes, [trend_places[place] for place in places.tolist()])


def shared_reasons(
    items: Ints, model: ItemModel, now_ms: int, country: str | None = None
) -> tuple[list[ReasonCode], list[str], Ints]:
    """Codes, texts and (no) source items for what is said of an item to everybody in a country (None = anywhere)."""
    codes, (place,) = _shared(Ragged.of([items]), [country], np.zeros(1, np.int64), model, now_ms)
    said = codes.tolist()
    return [CODES[code] for code in said], [text_of(code, place) for code in said], np.full(len(items), -1, np.int32)


def _shared(
    items: Ragged, countries: Sequence[str | None], places: NDArray[np.int64], model: ItemModel, now_ms: int
) -> tuple[Codes, list[str]]:
    """What is said to everybody in a country, and whose trend each country is told of."""
    trends = [model.trending_now(country, now_ms) for country in countries]
    trending = Ragged.of([np.fromiter(found, np.int32, len(found)) for _, found in trends])
    ages_ms = now_ms - model.catalog.released_at_ms[items.values]
    codes, prior = np.empty(len(items.values), np.uint8), model.priors.prior
    popular_from = _popular_from(model)
    shared_codes(*items, ages_ms, prior, popular_from, places, *trending, WEEK_MS, NEW_FOR_MS, _SHARED_CODES, codes)
    return codes, [place for place, _ in trends]


def _popular_from(model: ItemModel) -> float:
    """The lowest prior that counts as popular."""
    order = model.priors.popular_order
    last = min(len(order), max(POPULAR_ITEMS, int(len(order) * POPULAR_SHARE))) - 1
    return float(model.priors.prior[order[last]]) if last >= 0 else 0.0
