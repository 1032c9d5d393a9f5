"""Lists that are the same for everybody, in the same shape as a personal one."""

import numpy as np
from numpy.typing import NDArray

from ranking.reasons import shared_reasons
from ranking.recommendations import ReasonCode, Recommendations
from tables.item_model import ItemModel

DEFAULT_SIZE = 100


def popular(model: ItemModel, now_ms: int, size: int = DEFAULT_SIZE) -> Recommendations:
    """What most people use, by prior."""
    items, scores = model.popular(now_ms, size)
    codes, texts, sources = shared_reasons(items, model, now_ms)
    return Recommendations(items, scores, codes, texts, sources, "popular")


def popular_in(model: ItemModel, country: str, now_ms: int, size: int = DEFAULT_SIZE) -> Recommendations:
    """What people of one country use most."""
    items, scores = model.popular_in(country, now_ms, size)
    codes, texts, sources = shared_reasons(items, model, now_ms)
    return Recommendations(items, scores, codes, texts, sources, "segment")


def trending(
    model: ItemModel,
    region: str | None,
    window_h: int,
    now_ms: int,
    size: int = DEFAULT_SIZE,
    category: str | None = None,
) -> Recommendations:
    """What is used now in a country or region (None = everywhere), within the last `window_h` hours; of one genre
    when a category is given."""
    items, scores = model.trending(region, window_h, now_ms, size, category)
    place = "Trending now" if region is None else f"Trending now in {region}"
    return _labelled(items, scores, "trending", place)


def similar(model: ItemModel, item: int, now_ms: int, size: int = DEFAULT_SIZE) -> Recommendations:
    """What is used together with the item of index `item`."""
    items, scores = model.similar(item, now_ms, size)
    return _labelled(items, scores, "similar", f"Similar to {model.title(item)}")


def _labelled(items: NDArray[np.int32], scores: NDArray[np.float32], code: ReasonCode, text: str) -> Recommendations:
    none = np.full(len(items), -1, np.int32)
    return Recommendations(items, scores, [code] * len(items), [text] * len(items), none, "popular")
