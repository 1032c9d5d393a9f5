"""What ranking reads of users: the items they used lately, as indices of the item model."""

from collections.abc import Sequence
from dataclasses import dataclass
from operator import itemgetter

import numpy as np
from numpy.typing import NDArray

from ranking.kernels.interests import take_recent
from ranking.ragged import Ragged
from streams.contract.catalog import UserProfile
from tables.engagement import CONSUMED_CODES, POSITIVE_CODES
from tables.item_model import ItemModel
from tables.user import User

RECENT_ITEMS = 50
DISLIKED_WEIGHT = 0.5

#: A user and their profile, either of which may be missing.
Asked = tuple[User | None, UserProfile | None]

IS_POSITIVE = np.array([code in POSITIVE_CODES for code in range(256)])
IS_USE = np.array([code in CONSUMED_CODES for code in range(256)])
_WEIGHT_OF_CODE = np.where(IS_POSITIVE, 1.0, DISLIKED_WEIGHT).astype(np.float32)
_code_of = itemgetter(1)


@dataclass(frozen=True, slots=True)
class Histories:
    """The histories of the users of a batch, the oldest entry first: `items` (-1 = not known to the model) with their
    type `codes` uint8[total], and how many of each user's entries were `liked` int64[users]."""

    items: Ragged
    codes: NDArray[np.uint8]
    liked: NDArray[np.int64]

    @classmethod
    def of(cls, asked: Sequence[Asked], model: ItemModel) -> "Histories":
        """The histories in the users' rows."""
        entries = [user.history.entries if user is not None else {} for user, _ in asked]
        items = [model.indices(one) for one in entries]
        codes = [np.fromiter(map(_code_of, one.values()), np.uint8, len(one)) for one in entries]
        liked = [user.history.liked if user is not None else 0 for user, _ in asked]
        return cls(Ragged.of(items), np.concatenate([np.zeros(0, np.uint8), *codes]), np.array(liked, np.int64))


@dataclass(frozen=True, slots=True)
class Interests:
    """By user: `recent` up to 50 used items the model knows, newest first, with their type `codes` uint8[total] and
    `weights` float32[total]: 1, or 0.5 where it was disliked (who dislikes a western has watched a western). `strength`
    int64[users] is how many items the history holds that were liked (0..100): how far the user's own taste is to be
    trusted. `unknown` are used items that the model does not know, of the time of the recent ones."""

    recent: Ragged
    codes: NDArray[np.uint8]
    weights: NDArray[np.float32]
    strength: NDArray[np.int64]
    unknown: list[tuple[str, ...]]

    @classmethod
    def of(cls, asked: Sequence[Asked], histories: Histories, model: ItemModel) -> "Interests":
        """The tastes in the histories; without one, in the items picked while onboarding."""
        history, most = histories.items, len(histories.codes)
        ends, recent, codes = np.zeros(len(asked) + 1, np.int64), np.empty(most, np.int32), np.empty(most, np.uint8)
        take_recent(history.offsets, history.values, histories.codes, IS_USE, RECENT_ITEMS, ends, recent, codes)
        found, codes = Ragged(ends, recent[: ends[-1]]), codes[: ends[-1]]
        unknown: list[tuple[str, ...]] = [()] * len(asked)
        if (history.values < 0).any():
            unknown = [_unknown(user, model) for user, _ in asked]
        strength = histories.liked
        blank = [at for at, (_, profile) in enumerate(asked) if profile is not None and ends[at] == ends[at + 1]]
        if blank:
            rows = [found.row(at) for at in range(len(asked))]
            rows_of_codes = [codes[ends[at] : ends[at + 1]] for at in range(len(asked))]
            strength = strength.copy()
            for at in blank:
                picked = _picked(asked[at][1])
                rows[at] = np.array([index for item in picked if (index := model.index(item)) >= 0], np.int32)[
                    :RECENT_ITEMS
                ]
                rows_of_codes[at] = np.zeros(len(rows[at]), np.uint8)
                strength[at] = len(rows[at])
                unknown[at] += tuple(item for item in picked if model.index(item) < 0)
            found, codes = Ragged.of(rows), np.concatenate(rows_of_codes)
        return cls(found, codes, _WEIGHT_OF_CODE[codes], strength, unknown)


def _picked(profile: UserProfile | None) -> tuple[str, ...]:
    return () if profile is None else profile.seed_items


def _unknown(user: User | None, model: ItemModel) -> tuple[str, ...]:
    unknown, left = [], RECENT_ITEMS
    for item_id, (_, code) in reversed(user.history.entries.items()) if user is not None else ():
        if code in CONSUMED_CODES:
            if model.index(item_id) < 0:
                unknown.append(item_id)
            else:
                left -= 1
                if not left:
                    break
    return tuple(unknown)
