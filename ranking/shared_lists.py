"""Lists that are the same for everybody, in the same shape as a personal one.

`age` cuts one down to what is rated up to that age (None = any), so that there is enough for those who may see little.
"""

from collections.abc import Sequence

import numpy as np
from numpy.typing import NDArray

from ranking.reasons import shared_reasons
from ranking.recommendations import ReasonCode, Recommendations
from ranking.related import related
from ranking.rerank.pool import NEW_FOR_MS
from ranking.rerank.shared_rules import by_rules, reach
from streams.contract.served import Algorithm
from tables.item_model import ItemModel

DEFAULT_SIZE = 100
_TINY = 1e-30


def popular(model: ItemModel, now_ms: int, size: int = DEFAULT_SIZE, age: int | None = None) -> Recommendations:
    """What most people use, by prior."""
    items, scores = model.popular(now_ms, reach(model, size), age)
    codes, texts, sources = shared_reasons(items, model, now_ms)
    listed = Recommendations(items, scores, codes, texts, sources, "popular", [Algorithm.POPULAR] * len(items))
    return by_rules(listed, model, size, None, lambda pinned: model.catalog.available(pinned, now_ms, age=age))


def popular_in(
    model: ItemModel, country: str, now_ms: int, size: int = DEFAULT_SIZE, age: int | None = None
) -> Recommendations:
    """What people of one country use most."""
    items, scores = model.popular_in(country, now_ms, reach(model, size), age)
    codes, texts, sources = shared_reasons(items, model, now_ms)
    listed = Recommendations(items, scores, codes, texts, sources, "segment", [Algorithm.POPULAR] * len(items))
    return by_rules(listed, model, size, country, lambda pinned: model.catalog.available(pinned, now_ms, country, age))


def trending(
    model: ItemModel,
    region: str | None,
    window_h: int,
    now_ms: int,
    size: int = DEFAULT_SIZE,
    category: str | None = None,
    age: int | None = None,
) -> Recommendations:
    """What is used now in a country or region (None = everywhere), within the last `window_h` hours; of one genre
    when a category is given."""
    items, scores = model.trending(region, window_h, now_ms, reach(model, size), category, age)
    place = model.trend_segment(region, now_ms)
    text = f"Trending now in {place}" if place else "Trending now"
    listed = _labelled(items, scores, "trending", text, [Algorithm.TRENDING] * len(items))
    return by_rules(listed, model, size, region)


def new_releases(
    model: ItemModel, country: str | None, now_ms: int, size: int = DEFAULT_SIZE, age: int | None = None
) -> Recommendations:
    """What was released within 30 days and may be seen in a country (None = where everything else may): the newer and
    the more used, the earlier."""
    newest = model.priors.newest_order
    age_ms = now_ms - model.catalog.released_at_ms[newest]
    items = newest[(age_ms >= 0) & (age_ms < NEW_FOR_MS)]
    items = items[model.catalog.available(items, now_ms, country, age)]
    freshness = 1.0 - (now_ms - model.catalog.released_at_ms[items]) / NEW_FOR_MS
    scores = ((freshness + model.priors.trend_7d[items]) / 2).astype(np.float32)
    best = np.argsort(-scores, kind="stable")[: reach(model, size)]
    codes, texts, sources = shared_reasons(items[best], model, now_ms)
    by = [Algorithm.RULE] * len(codes)
    listed = Recommendations(items[best], scores[best], codes, texts, sources, "popular", by)
    return by_rules(listed, model, size, country)


def popular_of_genre(
    model: ItemModel, genre: str, now_ms: int, size: int = DEFAULT_SIZE, age: int | None = None
) -> Recommendations:
    """What most people use of one genre."""
    order = model.priors.popular_order
    of_genre = model.catalog.of_genre(genre, len(model))
    order = order[of_genre[order]]
    items = order[model.catalog.available(order, now_ms, age=age)][: reach(model, size)]
    scores = model.priors.prior[items]
    scores = scores / max(float(scores.max(initial=0.0)), _TINY)
    listed = _labelled(items, scores, "popular", f"Popular in {genre}", [Algorithm.POPULAR] * len(items))
    return by_rules(
        listed,
        model,
        size,
        None,
        lambda pinned: of_genre[pinned] & model.catalog.available(pinned, now_ms, age=age),
    )


def similar(model: ItemModel, item: int, now_ms: int, size: int = DEFAULT_SIZE) -> Recommendations:
    """What goes with the item of index `item`: used together with it or, while little is known of that, like it."""
    found = related(item, model)
    items = found.best(2 * reach(model, size))
    items = items[model.catalog.available(items, now_ms)][: reach(model, size)]
    scores = found.scores[items]
    scores = scores / max(float(scores.max(initial=0.0)), _TINY)
    by = [Algorithm.CO_OCCURRENCE if together else Algorithm.CONTENT for together in found.together[items].tolist()]
    listed = _labelled(items, scores, "similar", f"Similar to {model.title(item)}", by, item)
    return by_rules(listed, model, size, None, pins=False)


def _labelled(
    items: NDArray[np.int32],
    scores: NDArray[np.float32],
    code: ReasonCode,
    text: str,
    algorithms: Sequence[Algorithm],
    cited: int = -1,
) -> Recommendations:
    """`cited` is the item whose title ends the text, -1 = none."""
    count, named = len(items), np.full(len(items), cited, np.int32)
    return Recommendations(items, scores, [code] * count, [text] * count, named, "popular", algorithms)
