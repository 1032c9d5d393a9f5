"""The same list for everybody: what most users met, ever or lately."""

from collections import deque

import numpy as np

from offline.evaluate.baselines.seen_log import SeenLog
from streams.contract.events import Interaction
from streams.contract.units import WEEK_MS

TREND_MS = WEEK_MS
_TIE = 1e-9


class Popularity:
    """Items by how many users met them so far."""

    def __init__(self) -> None:
        self._log = SeenLog()

    def learn(self, event: Interaction) -> None:
        """Counts it."""
        self._log.add(event)

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The most popular items that the user has not met."""
        scores = self._log.counts[: self._log.items].astype(np.float64)
        return self._log.best_unmet(scores, self._log.user(user_id), size)


class RecentPopularity:
    """Items by how many users met them in the last 7 days; equal ones by how many ever did."""

    def __init__(self, window_ms: int = TREND_MS) -> None:
        self._log = SeenLog()
        self._window_ms = window_ms
        self._recent: deque[tuple[int, int]] = deque()  # (event time ms, item)
        self._counts = np.zeros(1024, np.int64)

    def learn(self, event: Interaction) -> None:
        """Counts it until it is 7 days old."""
        _, item = self._log.add(event)
        if item >= len(self._counts):
            self._counts = np.concatenate([self._counts, np.zeros(len(self._counts), np.int64)])
        self._counts[item] += 1
        self._recent.append((event.timestamp_ms, item))

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The items most met lately that the user has not met."""
        while self._recent and self._recent[0][0] <= now_ms - self._window_ms:
            self._counts[self._recent.popleft()[1]] -= 1
        items = self._log.items
        scores = self._counts[:items] + _TIE * self._log.counts[:items]
        return self._log.best_unmet(scores, self._log.user(user_id), size)
