"""Models that are refitted at night, as most shops run them."""

from abc import ABC, abstractmethod

import numpy as np
from scipy.sparse import csr_array

from offline.evaluate.baselines.seen_log import Floats, SeenLog
from streams.contract.events import Interaction
from streams.contract.units import DAY_MS


class Nightly(ABC):
    """Refits at the first question of a UTC day on everything before that day, once this has at least `least_new`
    events that the last fit did not have.

    Lists of the night are lists of last night: a user who came since then is given what is popular. With
    `live_history` the weights are of last night and the user's history is of now, which no nightly list has.
    """

    def __init__(self, *, live_history: bool = False, least_new: int = 1) -> None:
        self._log = SeenLog()
        self._least_new = least_new
        self._live_history = live_history
        self._events: list[tuple[int, int]] = []  # (user, item), oldest first
        self._day = -1
        self._until = 0  # events before the newest event's day
        self._fitted_until = 0
        self._known: list[int] = []  # length of every user's history when last fitted
        self._fitted_items = 0
        self.fits = 0

    def learn(self, event: Interaction) -> None:
        """Keeps it for the next night."""
        day = event.timestamp_ms // DAY_MS
        if day > self._day:
            self._day = day
            self._until = len(self._events)
        self._events.append(self._log.add(event))

    def recommend(self, user_id: str, now_ms: int, size: int) -> list[str]:
        """The user's best items by the model of last night."""
        until = len(self._events) if now_ms // DAY_MS > self._day else self._until
        if until - self._fitted_until >= (self._least_new if self._fitted_until else 1):
            self.refit(until)
        user = self._log.user(user_id)
        scores = np.zeros(self._log.items)
        known = self._known_of(user)
        if known:
            scores[: self._fitted_items] = self._scores(user, known)
            scores[self._fitted_items :] = -1e9  # not there last night
        else:
            scores += self._log.counts[: self._log.items]
        return self._log.best_unmet(scores, user, size)

    def refit(self, until: int | None = None) -> None:
        """Fit the model on the first `until` events (None = all)."""
        self._fitted_until = len(self._events) if until is None else until
        pairs = np.array(self._events[: self._fitted_until], np.int32).reshape(-1, 2)
        users, items = (int(pairs[:, column].max(initial=-1)) + 1 for column in (0, 1))
        ones = np.ones(len(pairs), np.float32)
        self._known = np.bincount(pairs[:, 0], minlength=users).tolist()
        self._fitted_items = items
        self._fit(csr_array((ones, (pairs[:, 0], pairs[:, 1])), shape=(users, items)))
        self.fits += 1

    def _known_of(self, user: int) -> list[int]:
        """The items by which the user is evaluated; none for somebody whom the model cannot place."""
        if user < 0 or not self._fitted_items:
            return []
        history = self._log.histories[user]
        if self._live_history:
            return [item for item in history if item < self._fitted_items]
        return history[: self._known[user]] if user < len(self._known) else []

    @abstractmethod
    def _fit(self, met: csr_array) -> None:
        """Learn from `met` float32[users, items], 1 where a user met an item."""

    @abstractmethod
    def _scores(self, user: int, known: list[int]) -> Floats:
        """Scores float64[fitted items] of a user who is evaluated by the items `known`."""
