"""STAN (Garg et al.: "Sequence and time aware neighborhood for session-based recommendations", SIGIR 2019): what those
used who used the same lately, if they were there lately, and near to it. Here a user is a session that never ends."""

from typing import Final

import numpy as np

from offline.evaluate.baselines.seen_log import SeenLog
from streams.contract.events import Interaction
from streams.contract.units import DAY_MS

#: Last items that are compared, newest users of an item that are looked at, and the most alike that are asked.
COMPARED: Final = 20
USERS_OF_ITEM: Final = 500
NEIGHBOURS: Final = 500
#: The paper's three decays, of which it tries several of each a data set; one for all here, its middle ones. Of the
#: place in the own history and in the neighbour's in items, of the time since the neighbour was there in days.
OWN_DECAY_ITEMS: Final = 2.0
NEIGHBOUR_DECAY_DAYS: Final = 40.0
NEAR_DECAY_ITEMS: Final = 5.0
_TIE: Final = 1e-9


class Stan:
    """similarity(v) = sum over the last 20 items that v used too of exp(-place / 2), places counted back from the
    newest, over sqrt(items compared * items of v), times exp(-days since v was there / 40); score(i) = sum over the 500
    most alike who used i of similarity * exp(-items between i and the newest shared one / 5)."""

    def __init__(self) -> None:
        self._log = SeenLog()
        self._users_of: list[list[int]] = []
        self._last_ms: list[int] = []

    def learn(self, event: Interaction) -> None:
        """Notes who used it, and when."""
        user, item = self._log.add(event)
        if item == len(self._users_of):
            self._users_of.append([])
        if user == len(self._last_ms):
            self._last_ms.append(0)
        self._users_of[item].append(user)
        self._last_ms[user] = event.timestamp_ms

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """What those used who are most alike, without what the user met."""
        user, items = self._log.user(user_id), self._log.items
        scores = _TIE * self._log.counts[:items].astype(np.float64)
        if user >= 0:
            own = self._log.histories[user][-COMPARED:][::-1]  # newest first
            places = {item: place for place, item in reversed(list(enumerate(own)))}
            for other, similarity in self._neighbours(user, own, now_ms):
                theirs = self._log.histories[other]
                shared = min((item for item in theirs if item in places), key=places.__getitem__)
                between = np.abs(np.arange(len(theirs)) - theirs.index(shared))
                np.add.at(scores, theirs, similarity * np.exp(-between / NEAR_DECAY_ITEMS))
        return self._log.best_unmet(scores, user, size)

    def _neighbours(self, user: int, own: list[int], now_ms: int) -> list[tuple[int, float]]:
        """The most alike, best first, with their similarity."""
        found: dict[int, float] = {}
        for place, item in enumerate(own):
            weight = float(np.exp(-place / OWN_DECAY_ITEMS))
            for other in self._users_of[item][-USERS_OF_ITEM:]:
                found[other] = found.get(other, 0.0) + weight
        found.pop(user, None)
        for other in found:
            length = np.sqrt(len(own) * len(self._log.histories[other]))
            days = max(0, now_ms - self._last_ms[other]) / DAY_MS
            found[other] *= float(np.exp(-days / NEIGHBOUR_DECAY_DAYS) / length)
        return sorted(found.items(), key=lambda one: -one[1])[:NEIGHBOURS]
