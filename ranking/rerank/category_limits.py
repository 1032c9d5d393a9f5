"""No category fills the front: a category is an item's first genre; items without genres are of none."""

import numpy as np

from ranking.rerank.pool import Pool, Slate
from ranking.rerank.settings import FRONT, TOP, RerankSettings
from tables.genre_columns import NO_CATEGORY


def category_max(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """At most `category_max` items of a category in the first 10."""
    if not settings.category_max:
        return slate
    return _limited(slate, pool, TOP, settings.category_max)


def genre_share(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """At most `genre_share_max` of the first 20 of one category, but always one."""
    if settings.genre_share_max == 1.0:
        return slate
    return _limited(slate, pool, FRONT, max(1, int(FRONT * settings.genre_share_max)))


def _limited(slate: Slate, pool: Pool, slots: int, most: int) -> Slate:
    """Fills `slots` in order, passing over what is one too many; what was passed over follows. When the pool has too
    few other items, it fills the slots after all."""
    order = slate.order
    categories = pool.model.catalog.genre_columns.category[pool.items[order]].tolist()
    counts: dict[int, int] = {}
    taken: list[int] = []
    passed: list[int] = []
    for place, category in enumerate(categories):
        if len(taken) == slots:
            break
        count = counts.get(category, 0)
        if category != NO_CATEGORY and count >= most:
            passed.append(place)
            continue
        counts[category] = count + 1
        taken.append(place)
    if not passed:
        return slate
    looked_at = len(taken) + len(passed)
    return slate.ordered(np.concatenate([order[taken], order[passed], order[looked_at:]]))
