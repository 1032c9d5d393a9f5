"""At least three genres in the first 20: from slot 20 upwards, items give way to the best one of another genre."""

from ranking.kernels.slates import add_genres
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import FRONT, RerankSettings


def min_genres(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Swaps items of missing genres into the last of the first 20 slots, as long as the pool has any."""
    if settings.min_genres:
        bits, size = pools.model.catalog.genre_columns.bits, min(FRONT, pools.size)
        add_genres(pools.offsets, pools.items, bits, settings.min_genres, size, slates.order)
