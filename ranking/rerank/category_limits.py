"""No category fills the front: a category is an item's first genre; items without genres are of none."""

from ranking.kernels.slates import limit_categories
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import FRONT, TOP, RerankSettings


def category_max(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """At most `category_max` items of a category in the first 10."""
    if settings.category_max:
        _limit(slates, pools, TOP, settings.category_max)


def genre_share(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """At most `genre_share_max` of the first 20 of one category, but always one."""
    if settings.genre_share_max != 1.0:
        _limit(slates, pools, FRONT, max(1, int(FRONT * settings.genre_share_max)))


def _limit(slates: Slates, pools: Pools, slots: int, most: int) -> None:
    """Fills `slots` in order, passing over what is one too many; what was passed over follows. When the pool has too
    few other items, it fills the slots after all."""
    category = pools.model.catalog.genre_columns.category
    limit_categories(pools.offsets, pools.items, category, slots, most, slates.order)
