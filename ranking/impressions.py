"""What people were shown lately: what they passed over when they chose something else.

Kept in memory for examples alone, so it shapes no row; a worker that starts anew has seen nobody be shown anything.

A slot further down is looked at less often, so passing over what stands there says less: it weighs (1 + position)^-0.5.
"""

from streams.contract.events import EventType, Interaction

REMEMBERED_USERS = 10_000
REMEMBERED_ITEMS = 20
#: What was shown longer ago is not what the user chose from.
FRESH_MS = 30 * 60_000
LOOKED_AT_EXPONENT = -0.5

#: Item id and weight in (0, 1], the newest first.
PassedOver = list[tuple[str, float]]


class Impressions:
    """The newest impressions of the users who had one last."""

    def __init__(self) -> None:
        self._shown: dict[str, dict[str, tuple[int, int]]] = {}  # item -> (position, time ms), by user; oldest first

    def note(self, event: Interaction) -> None:
        """Remembers an impression; other events are none of its business."""
        if event.event_type is not EventType.IMPRESSION:
            return
        shown = self._shown.pop(event.user_id, {})
        shown.pop(event.item_id, None)
        shown[event.item_id] = (event.position or 0, event.timestamp_ms)
        if len(shown) > REMEMBERED_ITEMS:
            del shown[next(iter(shown))]
        self._shown[event.user_id] = shown
        if len(self._shown) > REMEMBERED_USERS:
            del self._shown[next(iter(self._shown))]

    def forget(self, user_id: str) -> None:
        """Nothing was shown to them."""
        self._shown.pop(user_id, None)

    def passed_over(self, chosen: Interaction) -> PassedOver:
        """What else the user had been shown before the choice."""
        shown = self._shown.get(chosen.user_id, {})
        return [
            (item_id, (1 + position) ** LOOKED_AT_EXPONENT)
            for item_id, (position, at_ms) in reversed(shown.items())
            if item_id != chosen.item_id and 0 <= chosen.timestamp_ms - at_ms <= FRESH_MS
        ]
