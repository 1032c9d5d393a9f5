"""What each of the users' recent items says of the items it names: added up, and taken apart again."""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.sums import add_named, look_up, parts_of
from ranking.ragged import Ints, Ragged, places_in_rows
from tables.neighbour_columns import NeighbourColumns

Doubles = NDArray[np.float64]
Floats = NDArray[np.float32]

#: No scale: every named item counts alike.
EVEN: Floats = np.zeros(0, np.float32)


class Named(NamedTuple):
    """Row j of `items` int32[items of the model, width] are what item j names, none twice, each with its weight in
    `weights` float32 of the same shape (0 = the place is empty). The first `most` of each user's `recent` items are
    asked, times their `factors` float64[total]."""

    items: Ints
    weights: Floats
    recent: Ragged
    factors: Doubles
    most: int

    @classmethod
    def of(cls, columns: NeighbourColumns, recent: Ragged, by_place: Floats, own: NDArray[np.floating]) -> "Named":
        """What the rows of `recent` say, each times its `own` factor [total], and by its place, float32[most]."""
        places = np.minimum(places_in_rows(recent.offsets), len(by_place) - 1)
        return cls(columns.items, columns.weights, recent, (by_place[places] * own).astype(np.float64), len(by_place))

    def summed(self, again: Doubles, scale: Floats) -> "Said":
        """For every named item the sum of its weights, and the same of the first recent items only, each multiplied by
        its factor `again` float64[first]; both times `scale` float32[items of the model] of the named item."""
        offsets, width = self.recent.offsets, self.items.shape[1]
        enough = np.minimum(np.minimum(np.diff(offsets), self.most) * width, len(self.items)).sum()
        ends, items = np.zeros(len(offsets), np.int64), np.empty(enough, np.int32)
        sums, sums_again = np.empty(enough), np.empty(enough)
        recent = self.recent.values
        add_named(
            offsets,
            recent,
            self.factors,
            self.most,
            again,
            self.items,
            self.weights,
            scale,
            ends,
            items,
            sums,
            sums_again,
        )
        total = ends[-1]
        return Said(Ragged(ends, items[:total]), sums[:total], sums_again[:total], self)

    def by_recent(self, asked: Ragged) -> Doubles:
        """float64[asked, most]: with which weight each of a user's recent items names each of the `asked` items."""
        parts = np.zeros((len(asked.values), self.most))
        recent, factors = self.recent, self.factors
        parts_of(
            asked.offsets,
            asked.values,
            recent.offsets,
            recent.values,
            factors,
            self.most,
            self.items,
            self.weights,
            parts,
        )
        return parts


class Said(NamedTuple):
    """What all recent items say together: the items they name by user, ascending, with `scores` float64[total] > 0 and
    what the newest few say, `recent_scores` float64[total]. `parts` are the single contributions to `scores`, before
    the scale of the named item."""

    named: Ragged
    scores: Doubles
    recent_scores: Doubles
    parts: Named

    def of(self, items: Ragged) -> tuple[Doubles, Doubles]:
        """Both float64[items] of any items, ascending by user: `scores` and `recent_scores`, 0 = not named."""
        found = np.empty((2, len(items.values)))
        ends, named = self.named
        look_up(items.offsets, items.values, ends, named, self.scores, self.recent_scores, found[0], found[1])
        return found[0], found[1]
