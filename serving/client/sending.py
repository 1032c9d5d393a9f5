"""What the two clients have in common: requests as values, answers judged, and what of a batch is sent again. Pure."""

from __future__ import annotations

import secrets
from collections.abc import Mapping, Sequence
from typing import Any, Final, NamedTuple
from urllib.parse import quote

from serving.client.errors import NotConfirmed, RequestRefused

Event = dict[str, Any]
#: How often events are sent before `NotConfirmed`.
ATTEMPTS: Final = 5
LONGEST_WAIT_S: Final = 30.0


class ReadRequest(NamedTuple):
    """A GET."""

    path: str
    parameters: dict[str, str]


def read_request(template: str, places: Mapping[str, str], parameters: Mapping[str, object]) -> ReadRequest:
    """Fills the template's places in and leaves out what is None.

    >>> read_request("/items/{item_id}/similar", {"item_id": "a/b"}, {"limit": 5, "country": None, "refresh": True})
    ReadRequest(path='/items/a%2Fb/similar', parameters={'limit': '5', 'refresh': 'true'})
    """
    path = template.format(**{name: quote(value, safe="") for name, value in places.items()})
    given = {name: _text(value) for name, value in parameters.items() if value is not None}
    return ReadRequest(path, given)


def _text(value: object) -> str:
    return str(value).lower() if isinstance(value, bool) else str(value)


def with_ids(events: Sequence[Mapping[str, Any]]) -> list[Event]:
    """The events, each with an `event_id`: what is sent again under it counts once."""
    return [dict(event) if event.get("event_id") else {**event, "event_id": secrets.token_hex(16)} for event in events]


def judged(status: int, body: Any) -> Any:
    """The body of a good answer. Raises `RequestRefused`."""
    if status >= 300:
        raise RequestRefused(status, body if isinstance(body, dict) else {})
    return body


class Sending:
    """One call of `events` or `track`: `waiting` are the events to send now, in their order."""

    def __init__(self, events: Sequence[Mapping[str, Any]]) -> None:
        self._all = self.waiting = with_ids(events)
        self._attempts = 0

    def answered(self, status: int, body: Any, retry_after: str | None) -> float | None:
        """None when all are in the log, else the seconds to wait before `waiting` is sent. Raises `RequestRefused`,
        which says what was refused, and `NotConfirmed` after the last attempt."""
        self._attempts += 1
        if status == 503 and isinstance(body, dict):
            places = body.get("unconfirmed")
            if isinstance(places, dict):
                self.waiting = [self.waiting[int(place)] for place in sorted(places, key=int)]
            if self._attempts >= ATTEMPTS:
                raise NotConfirmed(status, body, self.waiting)
            wait_s = float(retry_after) if retry_after is not None and retry_after.isdigit() else 1.0
            return min(wait_s, LONGEST_WAIT_S)
        judged(status, body)
        return None

    @property
    def event_ids(self) -> list[str]:
        """Of all events, in their order."""
        return [str(event["event_id"]) for event in self._all]
