"""What goes with an item: what is used together with it, and what is like it while too little is known of that.

    score = k / (k + 5) * co-watch + 5 / (k + 5) * content        both relative to the best

k is how many visits taught what the item goes with: an item nobody has met is described by its content alone, a
well-known one by what people do.
"""

from dataclasses import dataclass
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from tables.item_model import ItemModel

CONTENT_STRENGTH = 5.0
#: Content that weighs less than this (an item with more than 20 visits) changes no order worth its cost.
NEGLIGIBLE = 0.2
_TINY = 1e-30

#: Of how many items at most it is kept what goes with them: 800 bytes each.
MOST_KEPT = 10_000
#: How many of what goes with an item are kept.
NEAREST = 100
KEPT_MS = 60_000
#: Visits of an item by which what goes with it is found anew before that.
KEPT_GROWTH = 1.05


class Nearest(NamedTuple):
    """What goes best with an item: `items` int32[], best first, and their `scores` float32[]."""

    items: NDArray[np.int32]
    scores: NDArray[np.float32]


NOTHING_RELATED = Nearest(np.zeros(0, np.int32), np.zeros(0, np.float32))


@dataclass(frozen=True, slots=True)
class Related:
    """`scores` float32[items of the model] in 0..1, 0 = not related; `together` bool[items]: used together with it."""

    scores: NDArray[np.float32]
    together: NDArray[np.bool_]

    def best(self, size: int) -> NDArray[np.int32]:
        """Up to `size` related items, best first."""
        (found,) = (self.scores > 0).nonzero()
        if len(found) > size:
            found = found[np.argpartition(self.scores[found], -size)[-size:]]
        return found[np.argsort(-self.scores[found], kind="stable")].astype(np.int32)


def related(index: int, model: ItemModel) -> Related:
    """What goes with the item of index `index`."""
    scores = model.used_together(index)
    together = scores > 0
    scores /= max(float(scores.max(initial=0.0)), _TINY)
    content_share = CONTENT_STRENGTH / (float(model.visits[index]) + CONTENT_STRENGTH)
    if content_share >= NEGLIGIBLE:
        catalog = model.catalog
        likeness = catalog.content.likeness(index, len(model), catalog.genre_columns)
        likeness *= 1 + np.float32(0.01) * model.priors.prior[: len(model)]  # of the equally like, the popular first
        likeness *= np.float32(content_share / max(float(likeness.max(initial=0.0)), _TINY))
        scores = scores * np.float32(1 - content_share) + likeness
    return Related(scores, together)


class _Kept(NamedTuple):
    at_ms: int
    learned: float
    catalogue_changes: int
    nearest: Nearest


class RelatedCache:
    """What goes with the items that people liked last, up to a minute old, unless the item was visited a twentieth more
    since or the catalogue changed: most people's last items are a few hundred."""

    def __init__(self, model: ItemModel) -> None:
        self.model = model
        self._kept: dict[int, _Kept] = {}

    def nearest(self, index: int, now_ms: int) -> Nearest:
        """The 100 items that go best with the item of index `index`."""
        model = self.model
        learned, changes = model.learned(index), model.catalog.changes
        kept = self._kept.pop(index, None)
        if (
            kept is None
            or not 0 <= now_ms - kept.at_ms < KEPT_MS
            or learned > KEPT_GROWTH * kept.learned
            or kept.catalogue_changes != changes
        ):
            found = related(index, model)
            items = found.best(NEAREST)
            kept = _Kept(now_ms, learned, changes, Nearest(items, found.scores[items]))
        self._kept[index] = kept  # the last asked for is the last to go
        if len(self._kept) > MOST_KEPT:
            del self._kept[next(iter(self._kept))]
        return kept.nearest
