"""What every generator says about every item, for one user: the raw material of candidates and features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, successors
from ranking.co_occurrence import Personal
from ranking.successors import Following
from ranking.taste import Taste
from ranking.user_vector import user_vectors
from tables.item_model import ItemModel


@dataclass(frozen=True, slots=True)
class Evidence:
    """`together` the co-occurrence of recent items, `after` what follows the last items; `vectors` float32[2, 128] the
    user's own."""

    together: Personal
    after: Following
    vectors: NDArray[np.float32]

    @classmethod
    def of(cls, taste: Taste, model: ItemModel) -> "Evidence":
        """The evidence for a taste."""
        return cls(co_occurrence.score(taste, model), successors.score(taste, model), user_vectors(taste, model))

    @property
    def vector(self) -> NDArray[np.float32]:
        """float32[128]: the one that finds candidates and is published."""
        vector: NDArray[np.float32] = self.vectors[0]
        return vector
