"""V-SkNN (Ludewig, Jannach: "Evaluation of session-based recommendation algorithms", UMUAI 28, 2018): what those used
who used the same lately, always up to date. Here a user is a session that never ends."""

from typing import Final

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.baselines.seen_log import SeenLog
from streams.contract.events import Interaction

#: Last items that are compared, newest users of an item that are looked at, and the most alike that are asked.
COMPARED: Final = 20
USERS_OF_ITEM: Final = 500
NEIGHBOURS: Final = 100
_TIE: Final = 1e-9

Floats = NDArray[np.float64]


class VSknn:
    """similarity(v) = sum over the last 20 items that v used too, the newest weighing 1 and each before it 1/20 less;
    score(i) = sum over the 100 most alike who used i of similarity * ln(users / users of i)."""

    def __init__(self) -> None:
        self._log = SeenLog()
        self._users_of: list[list[int]] = []

    def learn(self, event: Interaction) -> None:
        """Notes who used it."""
        user, item = self._log.add(event)
        if item == len(self._users_of):
            self._users_of.append([])
        self._users_of[item].append(user)

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """What those used who are most alike, without what the user met."""
        user, items = self._log.user(user_id), self._log.items
        counts = self._log.counts[:items].astype(np.float64)
        scores = _TIE * counts
        if user >= 0:
            similarity = self._similarity(user)
            alike = np.flatnonzero(similarity)
            alike = alike[np.argsort(-similarity[alike], kind="stable")[:NEIGHBOURS]]
            rarity = np.log(max(len(self._log.histories), 2) / np.maximum(counts, 1))
            for other in alike.tolist():
                used = self._log.histories[other]
                scores[used] += similarity[other] * rarity[used]
        return self._log.best_unmet(scores, user, size)

    def _similarity(self, user: int) -> Floats:
        """float64[users] of all; 0 with the user alone."""
        found = np.zeros(len(self._log.histories))
        for place, item in enumerate(reversed(self._log.histories[user][-COMPARED:])):
            found[self._users_of[item][-USERS_OF_ITEM:]] += 1 - place / COMPARED
        found[user] = 0
        return found
