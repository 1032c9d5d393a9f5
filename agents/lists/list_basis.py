"""What a list was made with, and whether items have taught enough since that it is to be made again.

Lists are made at once after an event, when items may know little yet: history that was loaded in one go, a version that
caught up, new items that everybody takes up. So a list remembers how much the model knew of what it was made from, and
is outdated when that has grown by half; when it is some seconds old, by a fifth; after minutes, by a twentieth. As the
bounds are ratios, a list is made again a few times while its items become known, and hardly ever once they are.
"""

from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.interests import Interests
from ranking.ranker import Ranker
from tables.item_model import ItemModel

#: By how much it may have grown, by the age of the list; in between on straight lines.
GROWTH_AT_ONCE = 1.5
GROWTH_LATER = 1.2
LATER_MS = 20_000
GROWTH_LATE = 1.05
LATE_MS = 300_000
#: The ranker learns in rounds; the first few say little.
FIRST_RANKER_ROUNDS = 10


class ListBasis(NamedTuple):
    """What was known when a list was made: the indices `recent` int32[up to 50] of the user's recent items, the ids of
    those that the model did not know, how often the known ones had been visited in all (faded), how many events items
    had counted, whether the user had a vector, and the number of the ranker."""

    recent: NDArray[np.int32]
    unknown: tuple[str, ...]
    visits: float
    events: int
    has_vector: bool
    ranker_number: int


NOTHING = ListBasis(np.zeros(0, np.int32), (), 0.0, 0, False, 0)


def bases_of(interests: Interests, vectors: NDArray[np.float32], model: ItemModel, ranker: Ranker) -> list[ListBasis]:
    """The bases of lists that are made now; `vectors` float32[users, any] as published."""
    recent, events = interests.recent, events_of(model)
    visits = np.zeros(len(recent.values) + 1)
    np.cumsum(model.visits[recent.values], out=visits[1:])
    sums = np.diff(visits[recent.offsets]).tolist()
    has_vector: NDArray[np.bool_] = np.any(vectors, axis=1)
    return [
        ListBasis(recent.row(number), unknown, visited, events, has_one, ranker.number)
        for number, (unknown, visited, has_one) in enumerate(
            zip(interests.unknown, sums, has_vector.tolist(), strict=True)
        )
    ]


def events_of(model: ItemModel) -> int:
    """How many events all items have counted."""
    return int(model.events.sum())


def growth_at(age_ms: int) -> float:
    """By how much may have been learned since a list of this age was made, as a ratio; a list from the future is new.

    >>> growth_at(-1), growth_at(LATER_MS), growth_at(LATE_MS), growth_at(10 * LATE_MS)
    (1.5, 1.2, 1.05, 1.05)
    """
    if age_ms < LATER_MS:
        return GROWTH_AT_ONCE + (GROWTH_LATER - GROWTH_AT_ONCE) * max(0, age_ms) / LATER_MS
    late = min((age_ms - LATER_MS) / (LATE_MS - LATER_MS), 1.0)
    return GROWTH_LATER + (GROWTH_LATE - GROWTH_LATER) * late


def is_outdated(basis: ListBasis, age_ms: int, model: ItemModel, events: int, ranker_number: int) -> bool:
    """Whether what a list of this age was made with is materially less than what is known now; `events` are
    `events_of` the model."""
    growth = growth_at(age_ms)
    if float(model.visits[basis.recent].sum()) > growth * basis.visits or events > GROWTH_AT_ONCE * basis.events:
        return True
    if ranker_number > 2 * basis.ranker_number + FIRST_RANKER_ROUNDS:
        return True
    if any(model.index(item_id) >= 0 for item_id in basis.unknown):
        return True
    return not basis.has_vector and bool(model.vectors.vectors[basis.recent].any())
