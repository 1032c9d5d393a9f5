"""Which of a user's recent items speaks for an item, and how much: the learned score taken apart.

The three generators that look at recent items are sums over them, so each feature can be divided among the items:

    contribution(j) = sum over their features of  w f share_j          share_j = its part of the sum or dot product

What concerns all of them at once (genres, language) or nobody in particular (popularity, trend) belongs to no item.
"""

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, features, sequential
from ranking.decision import Decisions
from ranking.interests import RECENT_ITEMS
from ranking.kernels.reasons import strongest_of
from ranking.kernels.shares import add_shares, add_vector_shares
from ranking.named import Named
from ranking.ragged import Ragged, owners
from ranking.ranker import TASK_WEIGHTS, Ranker
from ranking.user_embedding import PLACE_WEIGHTS
from tables.item_model import ItemModel

#: Features that are sums of the same parts, which they only count differently.
_CO_OCCURRENCE, _SEQUENTIAL, _EMBEDDINGS = (
    [features.NAMES.index(name) for name in names]
    for names in (
        ("co_occurrence", "co_occurrence_recent"),
        ("sequential", "sequential_newest"),
        ("embedding", "embedding_long_term"),
    )
)
#: A score is somebody's own when more than this share of it is.
MOSTLY = 0.5

Doubles = NDArray[np.float64]


def _all_and(first: Doubles, recent: int) -> Doubles:
    """float64[2, recent]: every place counts 1, and `first` what it says, 0 behind its end."""
    return np.stack([np.ones(recent), np.pad(first, (0, recent - len(first)))])


_LATELY = _all_and(co_occurrence.RECENT_SCORES_ITEMS, co_occurrence.RECENT_ITEMS)
_NEWEST = _all_and(sequential.NEWEST, sequential.WINDOW)


def contributions(
    asked: Ragged, places: NDArray[np.int64], decisions: Decisions, ranker: Ranker, model: ItemModel
) -> Doubles:
    """float64[asked, 50]: what each recent item of their user adds to the logit of each of the `asked` items, which are
    the candidates at `places` int64[asked]."""
    recent, generator_scores = decisions.interests.recent, decisions.generator_scores
    values = decisions.matrix[:, places]
    buckets = decisions.buckets[asked.owners()]
    weighed = values * (TASK_WEIGHTS @ ranker.weights)[buckets].T
    # of an item that is new, the vector's feature is in part the lasting one
    own, long_term = _EMBEDDINGS
    weights = np.einsum("t,btf->bf", TASK_WEIGHTS, ranker.weights)[:, own]
    lent = weights[buckets] * features.newness(asked.values, model) * values[long_term]
    weighed[own] -= lent
    weighed[long_term] += lent
    found = np.zeros((len(asked.values), RECENT_ITEMS))
    vectors = model.vectors.vectors
    add_vector_shares(*recent, decisions.interests.weights, PLACE_WEIGHTS, *asked, vectors, weighed[_EMBEDDINGS], found)
    _add(generator_scores.co_occurrence.parts, weighed[_CO_OCCURRENCE], _LATELY, asked, found)
    _add(generator_scores.sequential.parts, weighed[_SEQUENTIAL], _NEWEST, asked, found)
    return found


def _add(parts: Named, weighed: Doubles, counted: Doubles, asked: Ragged, found: Doubles) -> None:
    add_shares(asked.offsets, parts.recent.offsets, parts.most, weighed, parts.by_recent(asked), counted, found)


def strongest(
    listed: Ragged,
    places: NDArray[np.int64],
    personal_share: Doubles,
    decisions: Decisions,
    ranker: Ranker,
    model: ItemModel,
) -> NDArray[np.int64]:
    """For each listed item, the candidate at its place, the place (among all recent items of the batch) of the recent
    item that adds most; -1 where none adds anything, or no more than half of the score is personal."""
    found = np.full(len(places), -1, np.int64)
    mostly = personal_share > MOSTLY
    asked = listed.where(mostly)
    if len(asked.values):
        contributed = contributions(asked, places[mostly], decisions, ranker, model)
        strongest_place = np.empty(len(asked.values), np.int64)
        recent = decisions.interests.recent.offsets
        strongest_of(asked.offsets, recent, contributed, strongest_place)
        found[mostly] = np.where(strongest_place >= 0, strongest_place + recent[owners(asked.offsets)], -1)
    return found
