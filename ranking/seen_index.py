"""The indices of the items a user has met, kept up to date at the cost of what is new."""

from dataclasses import dataclass, field
from itertools import islice

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


def seen_indices(seen: Seen, model: ItemModel) -> NDArray[np.int32]:
    """int32[items met and known to the model], in no particular order."""
    memo = seen.memo
    if not isinstance(memo, _SeenIndex) or memo.model is not model or memo.forgotten != seen.forgotten:
        memo = seen.memo = _SeenIndex(model, seen.forgotten)
    memo.follow(seen)
    return memo.known
