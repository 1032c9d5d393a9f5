"""A finished list, still as item indices; the serving format gives it titles."""

from dataclasses import dataclass, field
from typing import Literal

import numpy as np
from numpy.typing import NDArray

from ranking.rerank.rerank import Reranked

Source = Literal["personal", "segment", "popular"]
ReasonCode = Literal["because_you_watched", "trending", "popular", "new", "similar", "explore", "for_you"]


@dataclass(frozen=True, slots=True)
class Recommendations:
    """Best first. `item_index` int32[], `score` float32[] in 0..1, not increasing; one `reason_code` and one `reason`
    text an item; `reason_item` int32[] is the item of the user's own history behind the reason, -1 = none.
    `dropped` counts candidates by the rule that dropped them, `reranked` says which rule moved what;
    `user_vector` float32[128] is the user's own, all 0 = unknown, empty for a list that is nobody's."""

    item_index: NDArray[np.int32]
    score: NDArray[np.float32]
    reason_code: list[ReasonCode]
    reason: list[str]
    reason_item: NDArray[np.int32]
    source: Source
    dropped: dict[str, int] = field(default_factory=dict)
    reranked: Reranked | None = None
    user_vector: NDArray[np.float32] = field(default_factory=lambda: np.zeros(0, np.float32))

    def __len__(self) -> int:
        return len(self.item_index)
