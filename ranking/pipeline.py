"""How a list is made: candidates, drop, rank, reasons. The whole of it on this screen."""

import numpy as np
from numpy.typing import NDArray

from ranking import co_occurrence, popular, trending
from ranking.co_occurrence import Personal
from ranking.rank import rank
from ranking.reasons import personal_reasons
from ranking.recommendations import Recommendations
from ranking.rules.seen import seen
from ranking.rules.unavailable import unavailable
from ranking.taste import Taste
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User


def recommend(
    user: User | None, profile: UserProfile | None, model: ItemModel, now_ms: int, size: int
) -> Recommendations:
    """Up to `size` items for one user at `now_ms`. A pure function of its arguments."""
    taste = Taste.of(user, profile, model)
    personal = co_occurrence.score(taste, model)

    shared = size + (len(user.seen) if user else 0)  # enough to fill the list though all that was met is dropped
    items = _union(personal, trending.candidates(model, size), popular.candidates(model, shared))

    items, already_met = seen(items, user, model)
    items, not_available = unavailable(items, user, profile, model, now_ms)

    ranked = rank(items, personal.scores[items], model.priors.prior[items], taste.strength, size)
    codes, texts, sources = personal_reasons(ranked, personal, taste, model, now_ms)
    return Recommendations(
        ranked.items,
        ranked.scores,
        codes,
        texts,
        sources,
        "personal" if ranked.personal_share.any() else "popular",
        {"seen": len(already_met), "unavailable": len(not_available)},
    )


def _union(personal: Personal, *shared: NDArray[np.int32]) -> NDArray[np.int32]:
    chosen = personal.scores > 0
    for items in shared:
        chosen[items] = True
    return np.flatnonzero(chosen).astype(np.int32)
