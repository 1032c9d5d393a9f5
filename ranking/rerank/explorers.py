"""Who may be tried: a few new releases and a few items from anywhere in the catalogue, others in every list."""

from collections.abc import Sequence
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ranking.interests import Asked
from ranking.kernels.candidates import pick_tried
from ranking.ragged import Ragged
from ranking.rerank.pool import NEW_FOR_MS
from tables.item_model import ItemModel

NEW_ITEMS = 12
ANY_ITEMS = 20
NEWEST = 256


def seeds_of(asked: Sequence[Asked]) -> NDArray[np.int64]:
    """int64[users]: what chance depends on: the user, and the last event that the list reflects. A list made again is
    the same."""
    seeds = [
        0 if user is None else crc32(b"%b:%d" % (user.user_id.encode(), user.row.last_offset)) for user, _ in asked
    ]
    return np.array(seeds, np.int64)


def candidates(model: ItemModel, now_ms: int, seeds: NDArray[np.int64]) -> Ragged:
    """By user, ascending: up to 12 of the last 256 releases, if within 30 days, and up to 20 of all items."""
    ends, items = np.zeros(len(seeds) + 1, np.int64), len(model)
    tried = np.empty(len(seeds) * (NEW_ITEMS + ANY_ITEMS) if items else 0, np.int32)
    if items:
        newest = model.priors.newest_order[:NEWEST]
        released_at_ms = model.catalog.released_at_ms[newest]
        new = newest[(released_at_ms > now_ms - NEW_FOR_MS) & (released_at_ms <= now_ms)]
        pick_tried(seeds, new, NEW_ITEMS, ANY_ITEMS, items, ends, tried)
    return Ragged(ends, tried[: ends[-1]])
