"""Candidates and their scores from the items that are used together with the user's recent ones.

score(i) = sum over the last 20 items j, newest at place 0, of 0.9^place * weight * C(j, i) / sqrt((n_j + 5) (n_i + 5))

`lately` is the same over the last 8 with 0.5^place: what goes with this basket or this evening, beside the taste.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.named import Named
from ranking.taste import Taste
from tables.item_model import ItemModel

RECENT_ITEMS = 20
PLACE_DECAY = 0.9
LATELY_ITEMS = 8
LATELY_DECAY = 0.5
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(RECENT_ITEMS)).astype(np.float32)
#: By place: how much a recent item counts lately, in parts of how much it counts in all.
LATELY = ((LATELY_DECAY / PLACE_DECAY) ** np.arange(LATELY_ITEMS)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Personal:
    """`scores` and `lately` float64[items of the model], 0 = not touched. `parts` are the single contributions to
    `scores`, before the norm of the neighbour."""

    scores: NDArray[np.float64]
    lately: NDArray[np.float64]
    parts: Named


def score(taste: Taste, model: ItemModel) -> Personal:
    """Scores of everything the recent items touch."""
    recent = taste.recent[:RECENT_ITEMS]
    factors = _PLACE_WEIGHTS[: len(recent)] * taste.weights[:RECENT_ITEMS] * model.norm[recent]
    neighbours = model.neighbours
    parts = Named.of(neighbours.items.take(recent, 0), neighbours.weights.take(recent, 0) * factors[:, None])
    scores, lately = parts.summed(len(model)), parts.counted(LATELY).summed(len(model))
    scores *= model.norm[: len(model)]
    lately *= model.norm[: len(model)]
    return Personal(scores, lately, parts)
