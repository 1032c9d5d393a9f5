"""What can go wrong, as one tree.

FreshetError
└── RequestRefused      an answer other than a good one: a problem (RFC 9457)
    └── NotConfirmed    events that are perhaps not in the log; send them again, under the same ids
"""

from __future__ import annotations

from typing import Any


class FreshetError(Exception):
    """The message is for people."""


class RequestRefused(FreshetError):
    """`status` is HTTP's, `members` are those of the problem: `detail`, `parameter`, `rejected` …"""

    def __init__(self, status: int, members: dict[str, Any]) -> None:
        super().__init__(f"{status}: {members.get('detail', 'no reason was given')}")
        self.status = status
        self.members = members


class NotConfirmed(RequestRefused):
    """`events` are those that Kafka did not acknowledge, with the ids to send them again under."""

    def __init__(self, status: int, members: dict[str, Any], events: list[dict[str, Any]]) -> None:
        super().__init__(status, members)
        self.events = events
