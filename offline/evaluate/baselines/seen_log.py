"""What every baseline knows of the log so far, as numbers."""

import numpy as np
from numpy.typing import NDArray

from streams.contract.events import Interaction

Floats = NDArray[np.float64]


class SeenLog:
    """Items and users are numbered as they appear, so that items seen so far are 0..items-1. `histories` are a user's
    items, oldest first; `counts` int64[capacity] is how many users met an item."""

    def __init__(self) -> None:
        self.ids: list[str] = []
        self.histories: list[list[int]] = []
        self.counts = np.zeros(1024, np.int64)
        self._item_numbers: dict[str, int] = {}
        self._user_numbers: dict[str, int] = {}

    @property
    def items(self) -> int:
        """How many items were seen."""
        return len(self.ids)

    def user(self, user_id: str) -> int:
        """The user's number, -1 when never seen."""
        return self._user_numbers.get(user_id, -1)

    def item(self, item_id: str) -> int:
        """The item's number, -1 when never seen."""
        return self._item_numbers.get(item_id, -1)

    def add(self, event: Interaction) -> tuple[int, int]:
        """Note an event; the numbers of its user and its item."""
        user = self._user_numbers.setdefault(event.user_id, len(self.histories))
        if user == len(self.histories):
            self.histories.append([])
        item = self._item_numbers.setdefault(event.item_id, len(self.ids))
        if item == len(self.ids):
            self.ids.append(event.item_id)
            if item == len(self.counts):
                self.counts = np.concatenate([self.counts, np.zeros(item, np.int64)])
        self.histories[user].append(item)
        self.counts[item] += 1
        return user, item

    def best_unmet(self, scores: Floats, user: int, size: int) -> list[str]:
        """Ids of the `size` best of `scores` float64[items] that the user has not met, best first; `scores` is
        overwritten."""
        met = self.histories[user] if user >= 0 else []
        scores[met] = -np.inf
        size = min(size, len(scores) - len(met))
        if size <= 0:
            return []
        best = np.argpartition(scores, len(scores) - size)[len(scores) - size :]
        ids = self.ids
        return [ids[item] for item in best[np.argsort(-scores[best], kind="stable")].tolist()]
