"""Where the item of a user's next event stood in the list that the user had: the live form of the offline protocol."""

import numpy as np
from numpy.typing import NDArray

from streams.contract.events import EventType, Interaction
from tables.engagement import POSITIVE
from tables.item_model import ItemModel
from tables.user import User

NOT_LISTED = -1


def is_next(event: Interaction, user: User | None) -> bool:
    """Whether the protocol evaluates an event; `user` as before it. Not of an item met before, and not what says
    nothing for an item (ratings are evaluated whatever their stars)."""
    return is_use(event) and (user is None or event.item_id not in user.seen)


def is_use(event: Interaction) -> bool:
    """Whether an event says that an item was used: what speaks for it, and every rating whatever its stars."""
    return event.event_type is EventType.RATING or event.event_type in POSITIVE


def place_of_next(event: Interaction, user: User | None, shown: NDArray[np.int32], model: ItemModel) -> int | None:
    """The place from 0, or NOT_LISTED; `user` and `shown` int32[list], item indices best first, are those before the
    event. None for what the protocol does not evaluate."""
    return place_in(event.item_id, shown, model) if is_next(event, user) else None


def place_in(item_id: str, shown: NDArray[np.int32], model: ItemModel) -> int:
    """The place of an item in a list of item indices from 0, or NOT_LISTED."""
    found = np.flatnonzero(shown == model.index(item_id))
    return int(found[0]) if len(found) else NOT_LISTED
