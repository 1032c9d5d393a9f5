"""Candidates and their scores from what people use right after the user's newest items (a directed Markov chain).

score(i) = sum over the last 10 items j, newest at place 0, of 0.7^place * weight * S(j, i) / (n_j + 5)

`newest` is the first of these parts alone: what follows the newest item says more than what follows the others, and
how much more differs from log to log, which the ranker learns.
"""

import numpy as np

from ranking.interests import Interests
from ranking.named import EVEN, Named, Said
from tables.item_model import NORM_SHRINK, ItemModel

WINDOW = 10
PLACE_DECAY = 0.7
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(WINDOW)).astype(np.float32)
#: By place: how much a last item counts for `newest`, in parts of how much it counts in all.
NEWEST = np.ones(1)


def score(interests: Interests, model: ItemModel) -> Said:
    """Everything that was seen to follow; once more the `newest`."""
    own = interests.weights / (model.visits[interests.recent.values] + NORM_SHRINK)
    return Named.of(model.successors, interests.recent, _PLACE_WEIGHTS, own).summed(NEWEST, EVEN)
