"""What re-ranking chooses from, and the list as it takes shape."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from streams.units import DAY_MS
from tables.item_model import ItemModel

NEW_FOR_MS = 30 * DAY_MS

Places = NDArray[np.intp]


class Pool(NamedTuple):
    """Items that may be listed, best first: `items` int32[pool]; the last `explorers` of them were not ranked. `age_ms`
    int64[pool] is the time since their release, negative before it; `is_new` bool[pool] says that they were released
    within 30 days. A list shows `size` of the pool. `seed` decides
    what chance would decide: the same seed gives the same list."""

    items: NDArray[np.int32]
    age_ms: NDArray[np.int64]
    is_new: NDArray[np.bool_]
    explorers: int
    size: int
    model: ItemModel
    seed: int

    @classmethod
    def of(
        cls,
        ranked: NDArray[np.int32],
        explorers: NDArray[np.int32],
        size: int,
        model: ItemModel,
        now_ms: int,
        seed: int,
    ) -> "Pool":
        """A pool of ranked items, best first, and of others."""
        items = np.concatenate([ranked, explorers])
        age_ms = now_ms - model.catalog.released_at_ms[items]
        is_new = (age_ms >= 0) & (age_ms < NEW_FOR_MS)
        return cls(items, age_ms, is_new, len(explorers), size, model, seed)

    @property
    def ranked(self) -> int:
        """How many were ranked."""
        return len(self.items) - self.explorers


class Slate(NamedTuple):
    """`order` intp[pool]: places in the pool in the order in which they are to be listed, a permutation of all of them.
    `scores` float32[pool] by place, in 0..1, 0 for what was not ranked."""

    order: Places
    scores: NDArray[np.float32]

    def ordered(self, order: Places) -> "Slate":
        """The same scores in another order."""
        return Slate(order, self.scores)

    def with_moved(self, place: int, slot: int) -> "Slate":
        """What stands at `place` moved up to `slot`; what was between moves down by one. Both count from 0."""
        order = self.order
        return self.ordered(
            np.concatenate([order[:slot], order[place : place + 1], order[slot:place], order[place + 1 :]])
        )
