"""Who may be tried: a few new releases and a few items from anywhere in the catalogue, others in every list."""

from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ranking.rerank.pool import NEW_FOR_MS
from tables.item_model import ItemModel
from tables.user import User

NEW_ITEMS = 12
ANY_ITEMS = 20
NEWEST = 256
#: Multiples of a prime larger than any catalogue fall everywhere.
_STEPS = np.arange(ANY_ITEMS) * 2_147_483_647


def seed_of(user: User | None) -> int:
    """What chance depends on: the user, and the last event that the list reflects. A list made again is the same."""
    return 0 if user is None else crc32(b"%b:%d" % (user.user_id.encode(), user.row.last_offset))


def candidates(model: ItemModel, now_ms: int, seed: int) -> NDArray[np.int32]:
    """Up to 12 of the last 256 releases, if within 30 days, and up to 20 of all items; no item twice."""
    items = len(model)
    if not items:
        return np.zeros(0, np.int32)
    newest = model.priors.newest_order[:NEWEST]
    released_at_ms = model.catalog.released_at_ms[newest]
    new = newest[(released_at_ms > now_ms - NEW_FOR_MS) & (released_at_ms <= now_ms)]
    if len(new) > NEW_ITEMS:
        new = new[(seed + np.arange(NEW_ITEMS)) % len(new)]
    anywhere = (seed + _STEPS) % items
    return np.array(sorted({*new.tolist(), *anywhere.tolist()}), np.int32)
