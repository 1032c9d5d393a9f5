"""New releases get their share of the slots, for nobody can like what is never shown.

A share of 5 % is one slot in 20: the last slot of each run of 20 goes to the best new item behind it, unless the run
shows one already.
"""

from ranking.kernels.slates import give_shares
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import RerankSettings


def new_items(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Moves new items up to the last slots of the runs."""
    if settings.new_item_share and pools.is_new.any():
        give_shares(pools.offsets, pools.is_new, pools.size, max(2, round(1.0 / settings.new_item_share)), slates.order)
