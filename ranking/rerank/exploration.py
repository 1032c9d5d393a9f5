"""A few of the slots 11-20 try what the ranker would not list, so that it can turn out to be liked.

Thompson sampling: an item of which e events are known and that scores s is drawn from Beta(1 + e s, 1 + e (1 - s)), and
the highest draws win. An item nobody has met yet may be anything; one that many have met is what its score says.
"""

import numpy as np

from ranking.rerank.pool import Pool, Slate
from ranking.rerank.settings import FRONT, TOP, RerankSettings

#: How many of the ranked items that just missed the first 20 compete with those that were not ranked.
RUNNERS_UP = 40
#: More events than this make no difference: an item that once was popular may be tried again.
MOST_EVIDENCE = 100


def exploration(slate: Slate, pool: Pool, settings: RerankSettings) -> Slate:
    """Moves the winners among the runners-up and the unranked to slots spread evenly over 11-20."""
    front, behind = slate.order[:FRONT].tolist(), slate.order[FRONT:]
    competes = behind >= pool.ranked
    competes[:RUNNERS_UP] = True
    (rivals,) = competes.nonzero()
    count = min(settings.explore_items, len(rivals))
    if count <= 0:
        return slate
    places = behind[rivals]
    evidence = np.minimum(pool.model.events[pool.items[places]], MOST_EVIDENCE)
    liked = evidence * slate.scores[places]
    draws = np.random.Generator(np.random.PCG64(pool.seed)).beta(1.0 + liked, 1.0 + evidence - liked)
    winners = rivals[np.argsort(-draws, kind="stable")[:count]]
    for number, winner in enumerate(behind[winners].tolist(), start=1):
        front.insert(TOP + number * (FRONT - TOP) // count - 1, winner)
    left = np.ones(len(behind), np.bool_)
    left[winners] = False
    return slate.ordered(np.concatenate([np.array(front, np.intp), behind[left]]))
