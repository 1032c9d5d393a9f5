"""The indices of the items a user has met, kept up to date at the cost of what is new."""

from dataclasses import dataclass, field
from itertools import islice
from weakref import WeakKeyDictionary

import numpy as np
from numpy.typing import NDArray

from tables.item_model import ItemModel
from tables.seen import Seen


@dataclass(slots=True)
class _SeenIndex:
    """`known` are indices of the first `read` items of the memory; `unknown` are those the model did not know yet."""

    model: ItemModel
    forgotten: int
    read: int = 0
    known: NDArray[np.int32] = field(default_factory=lambda: np.zeros(0, np.int32))
    unknown: list[str] = field(default_factory=list)

    def follow(self, seen: Seen) -> None:
        new = list(islice(reversed(seen.hours), len(seen.hours) - self.read))
        self.read = len(seen.hours)
        candidates = self.unknown + new
        indices = [self.model.index(item_id) for item_id in candidates]
        self.unknown = [item_id for item_id, index in zip(candidates, indices, strict=True) if index < 0]
        found = [index for index in indices if index >= 0]
        if found:
            self.known = np.concatenate([self.known, np.array(found, np.int32)])


_indices: WeakKeyDictionary[Seen, _SeenIndex] = WeakKeyDictionary()


def seen_indices(seen: Seen, model: ItemModel) -> NDArray[np.int32]:
    """int32[items met and known to the model], in no particular order."""
    index = _indices.get(seen)
    if index is None or index.model is not model or index.forgotten != seen.forgotten:
        index = _indices[seen] = _SeenIndex(model, seen.forgotten)
    index.follow(seen)
    return index.known
