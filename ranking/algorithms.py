"""Which generator an item owes its place to: what analysts count clicks by.

A user's list has one score for all candidates, so the generator is the one whose features add most to it; what only
explores says so. Lists that are made otherwise say `rule`: new releases, what was begun, what is offered again.
"""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from ranking import features, sequence_scores
from ranking.decision import Decisions
from ranking.kernels.algorithms import leading_groups
from ranking.ragged import Ragged
from ranking.ranker import TASK_WEIGHTS, Ranker
from streams.contract.served import ALGORITHMS, Algorithm

CODE: Final = {algorithm: code for code, algorithm in enumerate(ALGORITHMS)}

#: Whose evidence each feature is.
_OF_FEATURE: Final = {
    "co_occurrence": Algorithm.CO_OCCURRENCE,
    "co_occurrence_recent": Algorithm.CO_OCCURRENCE,
    "sequential": Algorithm.SEQUENTIAL,
    "sequential_newest": Algorithm.SEQUENTIAL,
    "embedding": Algorithm.EMBEDDING,
    "embedding_long_term": Algorithm.EMBEDDING,
    "trend_28d": Algorithm.TRENDING,
    "trend_24h": Algorithm.TRENDING,
    "popularity": Algorithm.POPULAR,
    "genre": Algorithm.CONTENT,
    "freshness": Algorithm.RULE,
    "language": Algorithm.CONTENT,
    "popularity_weekend": Algorithm.POPULAR,
    "popularity_night": Algorithm.POPULAR,
    "popularity_handheld": Algorithm.POPULAR,
    **dict.fromkeys(sequence_scores.NAMES, Algorithm.SEQUENTIAL),
}
_GROUPS: Final = np.array([CODE[_OF_FEATURE[name]] for name in features.NAMES], np.uint8)

Codes = NDArray[np.uint8]


def algorithms_of(
    listed: Ragged, places: NDArray[np.int64], tried: NDArray[np.bool_], decisions: Decisions, ranker: Ranker
) -> Codes:
    """uint8[listed]: the codes of the listed items, which are the candidates at `places` int64[listed] but where they
    are only `tried` bool[listed]."""
    weights = np.einsum("t,btf->bf", TASK_WEIGHTS, ranker.weights)
    codes = np.empty(len(places), np.uint8)
    known = np.where(tried, 0, places)
    popular = CODE[Algorithm.POPULAR]
    if decisions.matrix.shape[1]:
        leading_groups(listed.offsets, known, decisions.matrix, weights, decisions.buckets, _GROUPS, popular, codes)
    codes[tried] = CODE[Algorithm.EXPLORE]
    return codes
