"""Which list an event belongs to: the attribution rule (docs/analytics.md).

1. An event with a `recommendation_id` belongs to the list of that id that showed its user the item, the latest one of
   the window that was shown before the event; its `position` decides when the item stands there twice.
2. An event without one belongs to the last list of the window that showed its user the item before the event.

The window ends at the event's own time; a list that was shown later never counts. Of an event that comes late it begins
as late: a window before the event reached Kafka. So whoever reads the event again needs the same lists and finds them.
"""

from __future__ import annotations

from collections import deque

import orjson

from streams.contract.events import Interaction
from streams.contract.served import ServedItem, ServedList, parse_served
from streams.sinks.sink import Attribution

BY_ID = "recommendation_id"
BY_WINDOW = "window"
#: Clocks of clients and of the endpoint differ: a click that bears a list's id came after the list, whatever they say.
CLOCK_MS = 5 * 60 * 1000
_OVERHEAD_BYTES = 200  # of one list that is kept, about


class AttributionLists:
    """The lists of the users of some partitions, as the bytes that they were read as: few are ever asked for.

    `window_ms` is the attribution window, `most_bytes` what all lists may take; beyond it the oldest go first.
    """

    def __init__(self, window_ms: int, most_bytes: int) -> None:
        self.window_ms = window_ms
        self.bytes_held = 0
        self._most_bytes = most_bytes
        self._of: dict[str, deque[tuple[int, bytes]]] = {}
        self._oldest_first: deque[tuple[int, str]] = deque()

    def __len__(self) -> int:
        return len(self._oldest_first)

    def add(self, user_id: str, shown_ms: int, value: bytes) -> None:
        """Keeps a list. Lists of one user come in the order in which they were shown, or nearly."""
        self._of.setdefault(user_id, deque()).append((shown_ms, value))
        self._oldest_first.append((shown_ms, user_id))
        self.bytes_held += len(value) + _OVERHEAD_BYTES
        while self.bytes_held > self._most_bytes:
            self._drop_oldest()

    def prune(self, now_ms: int) -> None:
        """Forgets the lists that are older than the window at `now_ms`."""
        while self._oldest_first and self._oldest_first[0][0] < now_ms - self.window_ms - CLOCK_MS:
            self._drop_oldest()

    def forget(self, user_id: str, until_ms: int) -> None:
        """Forgets what a user was shown up to a time."""
        kept = self._of.get(user_id, deque())
        for number, (shown_ms, value) in enumerate(kept):
            if shown_ms <= until_ms:
                kept[number] = shown_ms, b""  # its place stays, for the order of those that go by age
                self.bytes_held -= len(value)

    def attribution(self, event: Interaction, append_ms: int) -> Attribution | None:
        """The list that an event belongs to which reached Kafka at `append_ms`."""
        if not event.item_id:
            return None
        named = event.recommendation_id
        token = orjson.dumps(named or event.item_id)
        late = CLOCK_MS if named else 0
        oldest_ms = max(event.timestamp_ms, append_ms) - self.window_ms
        for shown_ms, value in reversed(self._of.get(event.user_id, ())):
            if not oldest_ms <= shown_ms <= event.timestamp_ms + late or token not in value:
                continue  # most are passed over without being parsed
            try:
                shown = parse_served(value)
            except ValueError:  # a record that is no list: who reads the block of lists counts it
                continue
            if named and shown.recommendation_id != named:
                continue
            item = _item(shown, event)
            if item is not None:
                return Attribution(shown, item, BY_ID if named else BY_WINDOW)
        return None

    def _drop_oldest(self) -> None:
        _, user_id = self._oldest_first.popleft()
        own = self._of[user_id]
        self.bytes_held -= len(own.popleft()[1]) + _OVERHEAD_BYTES
        if not own:
            del self._of[user_id]


def _item(shown: ServedList, event: Interaction) -> ServedItem | None:
    places = [item for item in shown.items if item.item_id == event.item_id]
    return next((item for item in places if item.position == event.position), places[0] if places else None)
