"""Candidates and their scores from the items that are used together with a user's recent ones.

score(i) = sum over the last 20 items j, newest at place 0, of 0.9^place * weight * C(j, i) / sqrt((n_j + 5) (n_i + 5))

`recent_scores` is the same over the last 8 with 0.5^place: what goes with this basket or session (short-term interest),
beside what the user liked for longer. The cosine of shared users, shrunk for items that few have used (Sarwar, Karypis,
Konstan, Riedl: "Item-based collaborative filtering recommendation algorithms", WWW 2001).
"""

import numpy as np

from ranking.interests import Interests
from ranking.named import Named, Said
from tables.item_model import ItemModel

RECENT_ITEMS = 20
PLACE_DECAY = 0.9
LATELY_ITEMS = 8
LATELY_DECAY = 0.5
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(RECENT_ITEMS)).astype(np.float32)
#: By place: how much a recent item counts lately, in parts of how much it counts in all.
RECENT_SCORES_ITEMS = ((LATELY_DECAY / PLACE_DECAY) ** np.arange(LATELY_ITEMS)).astype(np.float64)


def score(interests: Interests, model: ItemModel) -> Said:
    """Everything that the recent items are used together with; once more `recent_scores`."""
    own = interests.weights * model.norm[interests.recent.values]
    named = Named.of(model.neighbours, interests.recent, _PLACE_WEIGHTS, own)
    return named.summed(RECENT_SCORES_ITEMS, model.norm)
