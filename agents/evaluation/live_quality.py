"""How good the lists are that people really have: recommend, then learn, on a sample of live events.

Offline the list is made right before the event; here it is the one written before the event's batch, by a model as old
as it was then. Events of users without a list are not evaluated. Counts begin at zero with each process and partition.
"""

from collections.abc import Callable

import numpy as np
from numpy.typing import NDArray

from ranking.next_item import place_of_next
from streams.contract.events import Interaction
from tables.item_model import ItemModel
from tables.user_plane import UserPlane

#: Every so many-th offset is evaluated; an evaluated event costs a few microseconds.
SAMPLE_EVERY = 4
TOP = 10


class LiveQuality:
    """`evaluated` events, and in how many of them the item was among the first 10 of the user's list. `shown` gives the
    item indices of the list that a user has, best first, None = no list."""

    def __init__(self, shown: Callable[[str], NDArray[np.int32] | None], model: ItemModel) -> None:
        self._shown = shown
        self._model = model
        self.evaluated = 0
        self.hits_at_10 = 0

    def place(self, event: Interaction, offset: int, plane: UserPlane) -> int | None:
        """The place of the item in the user's list, to be asked before the event is folded; None = not evaluated."""
        if offset % SAMPLE_EVERY:
            return None
        shown = self._shown(event.user_id)
        return None if shown is None else place_of_next(event, plane.view(event.user_id), shown, self._model)

    def note(self, place: int) -> None:
        """Counts an event that was folded."""
        self.evaluated += 1
        self.hits_at_10 += 0 <= place < TOP
