"""Candidates and their scores from the items that are used together with the user's recent ones.

score(i) = sum over the last 20 items j, newest at place 0, of 0.8^place * weight * C(j, i) / sqrt((n_j + 5) (n_i + 5))
"""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.taste import Taste
from tables.item_model import ItemModel

RECENT_ITEMS = 20
PLACE_DECAY = 0.8
_PLACE_WEIGHTS = (PLACE_DECAY ** np.arange(RECENT_ITEMS)).astype(np.float32)


@dataclass(frozen=True, slots=True)
class Personal:
    """`scores` float64[items of the model], 0 = not touched. `neighbours` intp[recent * 320] and `parts` float32 of
    the same shape are the single contributions, row by row of the `recent` items, before the norm of the neighbour."""

    scores: NDArray[np.float64]
    neighbours: NDArray[np.intp]
    parts: NDArray[np.float32]
    recent: int

    @property
    def _width(self) -> int:
        return len(self.neighbours) // max(self.recent, 1)

    def strongest_recent(self, items: NDArray[np.int32], citable: NDArray[np.bool_]) -> NDArray[np.int64]:
        """For each item the place of the recent item that contributed most, -1 where none did; only places that are
        `citable` (bool[recent])."""
        slot = np.full(len(self.scores), -1, np.int32)
        slot[items] = np.arange(len(items), dtype=np.int32)
        listed = slot[self.neighbours]
        cited = np.repeat(citable[: self.recent], self._width)
        hits = np.flatnonzero((listed >= 0) & (self.parts > 0) & cited)
        if not len(hits):
            return np.full(len(items), -1)
        table = np.zeros((len(items), RECENT_ITEMS), np.float32)
        table.ravel()[listed[hits] * RECENT_ITEMS + hits // self._width] = self.parts[hits]
        strongest: NDArray[np.int64] = table.argmax(axis=1)
        strongest[table[np.arange(len(items)), strongest] <= 0] = -1
        return strongest

    def of_recent(self, item: int, recent: int) -> NDArray[np.float64]:
        """float64[recent]: what each of the `recent` items contributes to one item's score, before its norm."""
        hits = np.flatnonzero(self.neighbours == item)
        return np.bincount(hits // self._width, self.parts[hits], recent).astype(np.float64, copy=False)


def score(taste: Taste, model: ItemModel) -> Personal:
    """Scores of everything the recent items touch."""
    recent = taste.recent[:RECENT_ITEMS]
    factors = _PLACE_WEIGHTS[: len(recent)] * taste.weights[:RECENT_ITEMS] * model.norm[recent]
    neighbours = model.neighbours.items[recent].ravel().astype(np.intp)  # what numpy indexes fastest with
    parts = (model.neighbours.weights[recent] * factors[:, None]).ravel()
    scores = np.bincount(neighbours, parts, len(model)).astype(np.float64, copy=False)
    scores *= model.norm[: len(model)]
    return Personal(scores, neighbours, parts, len(recent))
