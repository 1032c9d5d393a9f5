"""What re-ranking chooses from, and the lists as they take shape."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.ragged import Ints, Offsets
from ranking.rerank.user_rules import UserRules
from streams.contract.units import DAY_MS
from tables.item_model import ItemModel

NEW_FOR_MS = 30 * DAY_MS

Places = NDArray[np.int64]


class Pools(NamedTuple):
    """Items that may be listed, by user between the `offsets`, best first: `items` int32[pools]; the first `ranked`
    int64[users] of each pool were ranked. `age_ms` int64[pools] is the time since their release, negative before it;
    `is_new` bool[pools] says that they were released within 30 days. A list shows `size` of a pool. `seeds`
    int64[users] decide what chance would decide: the same seed gives the same list. `rules` are those of operators,
    None = there are none."""

    offsets: Offsets
    items: Ints
    age_ms: NDArray[np.int64]
    is_new: NDArray[np.bool_]
    ranked: NDArray[np.int64]
    size: int
    model: ItemModel
    seeds: NDArray[np.int64]
    rules: UserRules | None = None

    @classmethod
    def of(
        cls,
        offsets: Offsets,
        items: Ints,
        ranked: NDArray[np.int64],
        size: int,
        model: ItemModel,
        now_ms: int,
        seeds: NDArray[np.int64],
        rules: UserRules | None = None,
    ) -> "Pools":
        """Pools of ranked items, best first, and of others behind them."""
        age_ms = now_ms - model.catalog.released_at_ms[items]
        is_new = (age_ms >= 0) & (age_ms < NEW_FOR_MS)
        return cls(offsets, items, age_ms, is_new, ranked, size, model, seeds, rules)


class Slates(NamedTuple):
    """`order` int64[pools]: between the offsets of a user the places of their pool in the order in which they are to be
    listed, a permutation of all of them. `scores` float32[pools] by place, in 0..1, 0 for what was not ranked. Rules
    change both."""

    order: Places
    scores: NDArray[np.float32]
