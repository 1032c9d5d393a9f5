"""What ranking reads of a user: the items they used lately, as indices of the item model."""

from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from streams.catalog import UserProfile
from tables.engagement import CONSUMED_CODES, POSITIVE_CODES
from tables.item_model import ItemModel
from tables.user import User

RECENT_ITEMS = 50
DISLIKED_WEIGHT = 0.5

_WEIGHT_OF_CODE = np.array([1.0 if code in POSITIVE_CODES else DISLIKED_WEIGHT for code in range(256)], np.float32)


@dataclass(frozen=True, slots=True)
class Taste:
    """`recent` int32[up to 50] used items the model knows, newest first, with their type `codes` and `weights` float32:
    1, or 0.5 where it was disliked (who dislikes a western has watched a western). `strength` is how many items the
    history holds that were liked (0..100): how far the user's own taste is to be trusted."""

    recent: NDArray[np.int32]
    codes: list[int]
    weights: NDArray[np.float32]
    strength: int

    @classmethod
    def of(cls, user: User | None, profile: UserProfile | None, model: ItemModel) -> "Taste":
        """The taste in the history; without one, in the items picked while onboarding."""
        recent: list[int] = []
        codes: list[int] = []
        strength = 0
        if user is not None:
            strength = user.history.liked
            for item_id, (_, code) in reversed(user.history.entries.items()):
                if code in CONSUMED_CODES and (index := model.index(item_id)) >= 0:
                    recent.append(index)
                    codes.append(code)
                    if len(recent) == RECENT_ITEMS:
                        break
        if not recent and profile is not None:
            recent = [index for item in profile.seed_items if (index := model.index(item)) >= 0][:RECENT_ITEMS]
            codes, strength = [0] * len(recent), len(recent)
        return cls(np.array(recent, np.int32), codes, _WEIGHT_OF_CODE[codes], strength)
