"""Whose events and list are shown: somebody who is active right now, and stays in the light for a while."""

import time
from collections import Counter, defaultdict, deque
from collections.abc import Callable
from dataclasses import dataclass

from streams.contract.events import EventType, Interaction

SHOWN_EVENTS = 8
STAY_S = 8.0
_RECENT = 300


@dataclass(frozen=True, slots=True)
class ShownEvent:
    """One line about an event."""

    what: str
    title: str


class Spotlight:
    """Keeps the last events of every user; `titles` maps item id to title."""

    def __init__(self, titles: dict[str, str], clock_s: Callable[[], float] = time.monotonic) -> None:
        self._titles = titles
        self._clock_s = clock_s
        self._events: defaultdict[str, deque[ShownEvent]] = defaultdict(lambda: deque(maxlen=SHOWN_EVENTS))
        self._recent_users: deque[str] = deque(maxlen=_RECENT)
        self._user: str | None = None
        self._chosen_s = 0.0

    def note(self, event: Interaction) -> None:
        """A valid event is in the log."""
        shown = ShownEvent(_what(event), event.query or self._titles.get(event.item_id, event.item_id))
        self._events[event.user_id].appendleft(shown)
        self._recent_users.append(event.user_id)

    def user(self) -> str | None:
        """The user to show now: the busiest of the last events, looked for again every `STAY_S` seconds."""
        now_s = self._clock_s()
        if self._recent_users and (self._user is None or now_s - self._chosen_s >= STAY_S):
            self._user, self._chosen_s = Counter(self._recent_users).most_common(1)[0][0], now_s
        return self._user

    def events_of(self, user_id: str) -> list[ShownEvent]:
        """The user's last events, newest first, at most `SHOWN_EVENTS`."""
        return list(self._events[user_id])


def _what(event: Interaction) -> str:
    if event.event_type is EventType.RATING and event.rating is not None:
        return f"rated {event.rating:g}"
    return event.event_type.value.replace("_", " ")
