"""Where the item of a user's next event stood in the list that the user had: the live form of the offline protocol."""

import numpy as np
from numpy.typing import NDArray

from streams.events import EventType, Interaction
from tables.engagement import POSITIVE
from tables.item_model import ItemModel
from tables.user import User

NOT_LISTED = -1


def place_of_next(event: Interaction, user: User | None, shown: NDArray[np.int32], model: ItemModel) -> int | None:
    """The place from 0, or NOT_LISTED; `user` and `shown` int32[list], item indices best first, are those before the
    event. None for what the protocol does not judge: an item met before, and what says nothing for an item (ratings
    are judged whatever their stars)."""
    if event.event_type is not EventType.RATING and event.event_type not in POSITIVE:
        return None
    if user is not None and event.item_id in user.seen:
        return None
    found = np.flatnonzero(shown == model.index(event.item_id))
    return int(found[0]) if len(found) else NOT_LISTED
