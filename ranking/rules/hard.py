"""What may never be listed: every rule in its order, on this screen. A rule sees what those before it kept."""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ranking.rules.disliked_genre import disliked_genre
from ranking.rules.language import language
from ranking.rules.maturity import maturity
from ranking.rules.region import region
from ranking.rules.seen import seen
from ranking.rules.split import Split
from ranking.rules.unavailable import unavailable
from ranking.rules.viewer import Viewer
from tables.item_model import ItemModel

Rule = Callable[[NDArray[np.int32], Viewer, ItemModel], Split]

RULES: tuple[Rule, ...] = (seen, unavailable, region, language, maturity, disliked_genre)


def allowed(
    items: NDArray[np.int32], viewer: Viewer, model: ItemModel
) -> tuple[NDArray[np.int32], dict[str, NDArray[np.int32]]]:
    """The items that every rule keeps, and by rule those that it dropped."""
    dropped: dict[str, NDArray[np.int32]] = {}
    for rule in RULES:
        items, dropped[rule.__name__] = rule(items, viewer, model)
    return items, dropped
