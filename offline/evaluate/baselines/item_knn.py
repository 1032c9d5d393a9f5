"""Item-kNN (Sarwar, Karypis, Konstan, Riedl: "Item-based collaborative filtering", WWW 2001): items that share users
with what the user met, by cosine, always up to date."""

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.baselines.seen_log import SeenLog
from streams.contract.events import Interaction

_TIE = 1e-9
_FIRST_CAPACITY = 1024


class ItemKnn:
    """score(i) = sum over met j of shared users(i, j) / sqrt(users(i) users(j)); equal ones by popularity.

    Counts are dense float32[items, items]: 64 MB for 4,000 items.
    """

    def __init__(self) -> None:
        self._log = SeenLog()
        self._shared: NDArray[np.float32] = np.zeros((_FIRST_CAPACITY, _FIRST_CAPACITY), np.float32)

    def learn(self, event: Interaction) -> None:
        """Counts the pairs of the item with all that the user met before."""
        user, item = self._log.add(event)
        if item >= len(self._shared):
            self._shared = np.pad(self._shared, (0, len(self._shared)))
        before = self._log.histories[user][:-1]
        self._shared[before, item] += 1
        self._shared[item, before] += 1

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The nearest items that the user has not met."""
        user, items = self._log.user(user_id), self._log.items
        counts = self._log.counts[:items]
        scores = _TIE * counts.astype(np.float64)
        if user >= 0:
            met = self._log.histories[user]
            weights = (1 / np.sqrt(counts[met])).astype(np.float32)
            scores += (weights @ self._shared[met, :items]).astype(np.float64) / np.sqrt(counts)
        return self._log.best_unmet(scores, user, size)
