"""New releases get their share of the slots, for nobody can like what is never shown.

A share of 5 % is one slot in 20: the last slot of each run of 20 goes to the best new item behind it, unless the run
shows one already.
"""

import numpy as np

from ranking.rerank.pool import Pool, Slate
from ranking.rerank.settings import RerankSettings


def new_items(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """Moves new items up to the last slots of the runs."""
    if not settings.new_item_share or not pool.is_new.any():
        return slate
    slots = np.flatnonzero(pool.is_new[slate.order]).tolist()
    run = max(2, round(1.0 / settings.new_item_share))
    listed = 0  # how many of `slots` lie before the run's end
    for end in range(run, min(pool.size, len(slate.order)) + 1, run):
        while listed < len(slots) and slots[listed] < end:
            listed += 1
        if listed and slots[listed - 1] >= end - run:
            continue
        if listed == len(slots):
            break
        slate = slate.with_moved(slots[listed], end - 1)
        slots[listed] = end - 1  # no other new item stood between: the rest are where they were
        listed += 1
    return slate
