"""Candidates and their scores from the items that are used together with the user's recent ones.

score(i) = sum over the last 20 items j, newest at place 0, of 0.9^place * weight * C(j, i) / sqrt((n_j + 5) (n_i + 5))

`lately` is the same over the last 8 with 0.5^place: what goes with this basket or this evening, beside the taste.
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.taste import Taste
from tables.item_model import ItemModel

RECENT_ITEMS = 20
PLACE_DECAY = 0.9
LATELY_ITEMS = 8
LATELY_DECAY = 0.5
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(RECENT_ITEMS)).astype(np.float32)
#: By place: how much a recent item counts lately, in parts of how much it counts in all.
_LATELY = ((LATELY_DECAY / PLACE_DECAY) ** np.arange(LATELY_ITEMS)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Personal:
    """`scores` and `lately` float64[items of the model], 0 = not touched. `neighbours` intp[recent * 320] and `parts`
    float32 of the same shape are the single contributions to `scores`, row by row of the `recent` items, before the
    norm of the neighbour."""

    scores: NDArray[np.float64]
    lately: NDArray[np.float64]
    neighbours: NDArray[np.intp]
    parts: NDArray[np.float32]
    recent: int

    @property
    def _width(self) -> int:
        return len(self.neighbours) // max(self.recent, 1)

    def by_recent(self, items: NDArray[np.int32]) -> NDArray[np.float64]:
        """float64[items, recent]: what each recent item adds to the scores of `items`, before their norms."""
        slot = np.full(len(self.scores), -1, np.int32)
        slot[items] = np.arange(len(items), dtype=np.int32)
        asked = slot[self.neighbours]
        hits = np.flatnonzero((asked >= 0) & (self.parts > 0))
        table = np.zeros((len(items), self.recent))
        if len(hits):
            table.ravel()[asked[hits] * self.recent + hits // self._width] = self.parts[hits]
        return table


def score(taste: Taste, model: ItemModel) -> Personal:
    """Scores of everything the recent items touch."""
    recent = taste.recent[:RECENT_ITEMS]
    factors = _PLACE_WEIGHTS[: len(recent)] * taste.weights[:RECENT_ITEMS] * model.norm[recent]
    neighbours = model.neighbours.items[recent].ravel().astype(np.intp)  # what numpy indexes fastest with
    parts = model.neighbours.weights[recent] * factors[:, None]
    lately = parts[:LATELY_ITEMS] * _LATELY[: len(recent), None]
    norm = model.norm[: len(model)]
    flat = parts.ravel()
    return Personal(
        _summed(neighbours, flat, norm),
        _summed(neighbours[: lately.size], lately.ravel(), norm),
        neighbours,
        flat,
        len(recent),
    )


def lately_of(table: NDArray[np.float64]) -> NDArray[np.float64]:
    """float64[items, up to 8]: a table of `by_recent`, as parts of `lately`."""
    return table[:, :LATELY_ITEMS] * _LATELY[: table.shape[1]]


def _summed(neighbours: NDArray[np.intp], parts: NDArray[np.float32], norm: NDArray[np.float32]) -> NDArray[np.float64]:
    scores = np.bincount(neighbours, parts, len(norm)).astype(np.float64, copy=False)
    scores *= norm
    return scores
