"""Who a list is for and when, as far as rules ask."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from ranking.seen_index import seen_indices
from streams.catalog import UserProfile
from tables.item_model import ItemModel
from tables.user import User


@dataclass(frozen=True, slots=True)
class Viewer:
    """A user's row and profile, either of which may be missing, and the time. `met` and `unmet` bool[items of the
    model] say what the user has met."""

    user: User | None
    profile: UserProfile | None
    now_ms: int
    met: NDArray[np.bool_]
    unmet: NDArray[np.bool_]

    @classmethod
    def of(cls, user: User | None, profile: UserProfile | None, model: ItemModel, now_ms: int) -> "Viewer":
        """The viewer at `now_ms`, before the items of `model`."""
        met = np.zeros(len(model), np.bool_)
        if user is not None:
            met[seen_indices(user.seen, model)] = True
        return cls(user, profile, now_ms, met, ~met)

    @property
    def country(self) -> str | None:
        """Where the user was seen last, else where the profile says they live."""
        return (self.user.row.country if self.user else "") or (self.profile.country if self.profile else None)

    @property
    def language(self) -> str | None:
        """The language the user was seen with last, else the profile's."""
        return (self.user.row.language if self.user else "") or (self.profile.language if self.profile else None)
