"""A few of the slots 11-20 try what the ranker would not list, so that it can turn out to be liked.

Thompson sampling (Thompson: "On the likelihood that one unknown probability exceeds another", Biometrika 25, 1933;
Chapelle, Li: "An empirical evaluation of Thompson sampling", NIPS 2011): an item of which e events are known and that
scores s is drawn from Beta(1 + e s, 1 + e (1 - s)), and the highest draws win. An item nobody has met yet may be
anything; one that many have met is what its score says.
"""

import numpy as np

from ranking.kernels.slates import find_rivals, place_winners
from ranking.rerank.pool import Pools, Slates
from ranking.rerank.settings import FRONT, TOP, RerankSettings

#: How many of the ranked items that just missed the first 20 compete with those that were not ranked.
RUNNERS_UP = 40
#: More events than this make no difference: an item that once was popular may be tried again.
MOST_EVIDENCE = 100


def exploration(slates: Slates, pools: Pools, settings: RerankSettings) -> None:
    """Moves the winners among the runners-up and the unranked to slots spread evenly over 11-20."""
    if settings.explore_items <= 0:
        return
    offsets = pools.offsets
    ends, rivals = np.zeros(len(offsets), np.int64), np.empty(len(pools.items), np.int64)
    liked, disliked = np.empty(len(rivals)), np.empty(len(rivals))
    events = pools.model.events
    find_rivals(
        offsets,
        pools.ranked,
        pools.items,
        slates.scores,
        events,
        FRONT,
        RUNNERS_UP,
        MOST_EVIDENCE,
        slates.order,
        ends,
        rivals,
        liked,
        disliked,
    )
    draws = np.empty(ends[-1])
    bounds = ends.tolist()
    for seed, first, end in zip(pools.seeds.tolist(), bounds, bounds[1:], strict=False):
        if first < end:
            random = np.random.Generator(np.random.PCG64(seed))
            draws[first:end] = random.beta(1.0 + liked[first:end], 1.0 + disliked[first:end])
    place_winners(offsets, ends, rivals, draws, settings.explore_items, TOP, FRONT, slates.order)
