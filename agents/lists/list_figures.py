"""What lists show taken together: how much of the catalogue, and how different the items of one list are.

Of the lists that this process makes, whatever becomes of them: what was shown to whom is in `recommendation.served`.
"""

from __future__ import annotations

from collections import Counter

import numpy as np
from numpy.typing import NDArray

from ranking.ragged import Ragged, places_in_rows
from ranking.rerank.user_rules import UserRules
from streams.contract.rules import Action
from streams.contract.units import DAY_MS
from tables.genre_columns import NO_CATEGORY
from tables.item_model import ItemModel

#: Items further down are hardly seen.
TOP = 20
COVERED_DAYS = 30
#: Of so many batches of lists one list is looked at, in a few microseconds.
SAMPLE_EVERY = 8
_NEVER = -COVERED_DAYS


class ListFigures:
    """`sampled` lists, one of every eighth batch, and the sum of their shares of distinct categories, `distinct`, each
    from 0 to 1: 1 = no two of the first 20 items are of one category. `by_rules` counts the first 20 items of lists
    that a rule of an operator was about, by its action."""

    def __init__(self, model: ItemModel) -> None:
        self._model = model
        self._listed_day = np.zeros(0, np.int32)  # by item index
        self._batches = 0
        self.sampled = 0
        self.distinct = 0.0
        self.by_rules: Counter[Action] = Counter()

    def note(self, lists: Ragged, now_ms: int) -> None:
        """Takes the item indices of lists that were made together, best first."""
        if len(self._listed_day) < len(self._model):
            longer = np.full(2 * len(self._model), _NEVER, np.int32)
            longer[: len(self._listed_day)] = self._listed_day
            self._listed_day = longer
        self._listed_day[_first(lists, TOP)] = now_ms // DAY_MS
        self._batches += 1
        if self._batches % SAMPLE_EVERY == 1 and len(lists.offsets) > 1:
            categories = self._model.catalog.genre_columns.category[lists.row(0)[:TOP]]
            known = categories[categories != NO_CATEGORY]
            if known.size:
                self.sampled += 1
                self.distinct += len(np.unique(known)) / known.size

    def note_rules(self, lists: Ragged, rules: UserRules) -> None:
        """Takes the same lists, made under rules of operators."""
        is_first = places_in_rows(lists.offsets) < TOP
        factors = rules.factors(lists)[is_first]
        self.by_rules["pin"] += int(np.count_nonzero(rules.is_pinned(lists)[is_first]))
        self.by_rules["boost"] += int(np.count_nonzero(factors > 1.0))
        self.by_rules["bury"] += int(np.count_nonzero(factors < 1.0))

    def covered(self, now_ms: int) -> tuple[int, int]:
        """How many of the items that may be listed now were in the first 20 of a list of the last 30 days, and how many
        these are."""
        listable = ~self._model.catalog.hidden(now_ms)
        listed = self._listed_day[: len(listable)] > now_ms // DAY_MS - COVERED_DAYS
        return int(np.count_nonzero(listable[: len(listed)] & listed)), int(np.count_nonzero(listable))


def _first(lists: Ragged, count: int) -> NDArray[np.int32]:
    """The first items of each list, as one array.

    >>> _first(Ragged.of([np.array([5, 6, 7]), np.array([8])]), 2).tolist()
    [5, 6, 8]
    """
    starts = np.repeat(lists.offsets[:-1], np.diff(lists.offsets))
    place = np.arange(len(lists.values)) - starts
    return lists.values[place < count]
