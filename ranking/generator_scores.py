"""What every generator says of items, for the users of a batch: the raw material of candidates and features."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, sequential
from ranking.interests import Histories, Interests
from ranking.named import Said
from ranking.sequence_scores import SequenceScores
from ranking.user_embedding import user_embeddings
from tables.item_model import ItemModel


@dataclass(frozen=True, slots=True)
class GeneratorScores:
    """`co_occurrence` the co-occurrence of recent items, `sequential` what follows the last items; `vectors`
    float32[users, 2, 128] the users' own: the one that finds candidates and is published, and that of their long-term
    interest. `sequence` is what the trained sequence model says, None = there is none."""

    co_occurrence: Said
    sequential: Said
    embeddings: NDArray[np.float32]
    sequence: SequenceScores | None = None

    @classmethod
    def of(cls, interests: Interests, histories: Histories, model: ItemModel) -> "GeneratorScores":
        """The evidence for tastes."""
        return cls(
            co_occurrence.score(interests, model),
            sequential.score(interests, model),
            user_embeddings(interests, model),
            SequenceScores.of(histories, model),
        )
