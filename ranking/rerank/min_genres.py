"""At least three genres in the first 20: from slot 20 upwards, items give way to the best one of another genre."""

import numpy as np
from numpy.typing import NDArray

from ranking.rerank.pool import Pool, Slate
from ranking.rerank.settings import FRONT, RerankSettings


def min_genres(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """Swaps items of missing genres into the last of the first 20 slots, as long as the pool has any."""
    size = min(FRONT, pool.size, len(slate.order))
    genres = pool.model.catalog.genre_columns
    order = slate.order
    for slot in range(size - 1, 0, -1):
        front = genres.union(pool.items[order[:size]])
        if _count(front) >= settings.min_genres:
            break
        adds = genres.any_of(pool.items[order[size:]], ~front)
        best = int(adds.argmax()) if len(adds) else 0
        if not adds[best : best + 1].any():
            break
        order = order.copy()
        order[[slot, size + best]] = order[[size + best, slot]]
    return slate if order is slate.order else slate.ordered(order)


def _count(genres: NDArray[np.uint64]) -> int:
    return int(np.bitwise_count(genres).sum())
