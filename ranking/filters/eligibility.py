"""What may never be listed: every rule in its order, on this screen. A rule sees what those before it kept."""

from collections.abc import Callable
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from ranking.filters.disliked_genre import disliked_genre
from ranking.filters.language import language
from ranking.filters.maturity import maturity
from ranking.filters.region import region
from ranking.filters.request_context import RequestContexts
from ranking.filters.seen import seen
from ranking.filters.unavailable import unavailable
from ranking.ragged import Ragged
from tables.item_model import ItemModel

#: bool[items]: which of the items of each user a rule keeps.
Rule = Callable[[Ragged, RequestContexts, ItemModel], NDArray[np.bool_]]

RULES: tuple[Rule, ...] = (seen, unavailable, region, language, maturity, disliked_genre)
#: What holds for items that were met before, where nothing else is left (ranking/seen_again.py).
AGAIN_RULES = tuple(rule for rule in RULES if rule is not seen)


class Allowed(NamedTuple):
    """`keep` bool[items]: every rule keeps them. `dropped_by` int8[items]: the first of `rules` that dropped each, -1 =
    none."""

    keep: NDArray[np.bool_]
    dropped_by: NDArray[np.int8]
    rules: tuple[Rule, ...]

    def counts(self, items: Ragged) -> NDArray[np.int64]:
        """int64[users, rules]: how many of each user's items each rule dropped."""
        rules, users = len(self.rules), len(items.offsets) - 1
        places = items.owners()[~self.keep] * rules + self.dropped_by[~self.keep]
        return np.bincount(places, minlength=users * rules).reshape(users, rules)


def allowed(items: Ragged, contexts: RequestContexts, model: ItemModel, rules: tuple[Rule, ...] = RULES) -> Allowed:
    """What every rule says of the items of each user."""
    keep = np.ones(len(items.values), np.bool_)
    dropped_by = np.full(len(keep), -1, np.int8)
    for number, rule in enumerate(rules):
        keeps = rule(items, contexts, model)
        if not keeps.all():
            dropped_by[keep & ~keeps] = number
            keep &= keeps
    return Allowed(keep, dropped_by, rules)


def allowed_to(
    items: NDArray[np.int32], contexts: RequestContexts, model: ItemModel, rules: tuple[Rule, ...]
) -> NDArray[np.int32]:
    """Those of the items that one viewer may see by all of `rules`."""
    kept: NDArray[np.int32] = items[allowed(Ragged.of([items]), contexts, model, rules).keep]
    return kept
