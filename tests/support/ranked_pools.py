"""Pools of ranked items with the genres and ages that a test needs."""

from collections.abc import Iterable, Sequence

import numpy as np

from ranking.ragged import offsets_of
from ranking.rerank.pool import Pools
from ranking.rerank.rerank import Reranked, rerank
from ranking.rerank.settings import RerankSettings
from streams.contract.catalog import CatalogItem
from streams.contract.units import DAY_MS
from tables.item_model import ItemModel

NOW_MS = 1_700_000_000_000


def pool_of(
    genres: Sequence[str], *, size: int = 0, days_old: dict[int, float] | None = None, unranked: int = 0, seed: int = 7
) -> Pools:
    """Item i has the genres that are the letters of `genres[i]`; the last `unranked` were not ranked."""
    model = ItemModel()
    for number, letters in enumerate(genres):
        days = (days_old or {}).get(number)
        released_at_ms = None if days is None else NOW_MS - int(days * DAY_MS)
        model.apply_catalog(
            f"i{number}", CatalogItem(f"i{number}", genres=tuple(letters), released_at_ms=released_at_ms)
        )
    model.refresh_priors(NOW_MS)
    items = np.arange(len(genres), dtype=np.int32)
    ranked = len(genres) - unranked
    counts, seeds = np.array([ranked]), np.array([seed])
    return Pools.of(offsets_of([len(items)]), items, counts, size or len(genres), model, NOW_MS, seeds)


def falling(count: int, first: float = 0.9, last: float = 0.1) -> np.ndarray:
    """float32[count] scores from first to last."""
    return np.linspace(first, last, count).astype(np.float32)


def listed(pool: Pools, settings: RerankSettings, scores: Iterable[float] | None = None) -> Reranked:
    """The re-ranked list of a pool; places are item numbers."""
    (ranked,) = pool.ranked.tolist()
    given = np.zeros(len(pool.items), np.float32)
    given[:ranked] = falling(ranked) if scores is None else list(scores)
    return rerank(pool, given, settings)
