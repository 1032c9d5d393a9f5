"""Outcomes of prequential evaluation: where the item of an event stood in the list that its user would have had a
moment before.

Every version evaluates the same events: whether one is evaluated follows from its id, and from what its user did
before, which all versions read in the same log. So the outcomes of two versions can be joined by offset and compared in
pairs.

The list is the one of the row before the event, by what is known of items then. Events that follow within
`PRODUCTION_LAG_MS` on another event of their user are not evaluated: nobody could have been shown a list that knows of
the one before. Outcomes name no user; of the user they hold one of `GROUPS` numbers, for intervals.
"""

from dataclasses import dataclass
from zlib import crc32

import numpy as np
from numpy.typing import NDArray

from ranking.next_item import is_next
from streams.contract.events import Interaction
from tables.user import User

FORMAT_VERSION = 1
#: How long it takes at most, when nothing is late, until an event shows in its user's list.
PRODUCTION_LAG_MS = 1_000
#: Users fall into so many groups; intervals resample groups.
GROUPS = 1024
#: In the place of a place: the version could not use the record. Kept of every such record, not of a sample.
REJECTED = -2
#: In the place of a time that is not known.
UNKNOWN_MS = -1

#: `offset` of the event in its partition, its time and that of the newest event the item model knew (UNKNOWN_MS = not
#: told), ms since the epoch; `place` from 0, -1 = not in the list, REJECTED; `group` of the user.
OUTCOME = np.dtype(
    [("offset", "<i8"), ("event_ms", "<i8"), ("feature_cutoff_ms", "<i8"), ("place", "<i2"), ("group", "<u2")]
)

Outcomes = NDArray[np.void]
_CRCS = 2**32


class UnknownFormat(ValueError):
    """Outcomes that a later release wrote."""


@dataclass(frozen=True, slots=True)
class Outcome:
    """One row of `OUTCOME`."""

    offset: int
    event_ms: int
    feature_cutoff_ms: int
    place: int
    group: int


def in_sample(event_id: str, share: float) -> bool:
    """Whether an event is one of a share (0–1) of all; those of a smaller share are among those of a larger one.

    >>> [in_sample("e1", 0.0), in_sample("e1", 1.0)]
    [False, True]
    """
    return crc32(event_id.encode()) < share * _CRCS


def is_evaluated(event: Interaction, user: User | None) -> bool:
    """Whether an event of the sample tells how good a list was; `user` as before the event."""
    if user is not None and event.timestamp_ms - user.row.last_event_ms < PRODUCTION_LAG_MS:
        return False
    return is_next(event, user)


def group_of(user_id: str) -> int:
    """The group of a user by stored id."""
    return crc32(user_id.encode()) % GROUPS


def encode(outcomes: list[Outcome]) -> bytes:
    """One record: a byte of the format, then the rows."""
    rows = [(o.offset, o.event_ms, o.feature_cutoff_ms, o.place, o.group) for o in outcomes]
    return bytes([FORMAT_VERSION]) + np.array(rows, OUTCOME).tobytes()


def decode(value: bytes) -> Outcomes:
    """The rows of a record, one `OUTCOME` each. Raises `UnknownFormat`, and ValueError when it is damaged."""
    if value[:1] != bytes([FORMAT_VERSION]):
        raise UnknownFormat(f"outcomes in format {value[:1]!r}, this code knows {FORMAT_VERSION}")
    return np.frombuffer(value, OUTCOME, offset=1)


def without_rejected(rows: Outcomes) -> Outcomes:
    """The rows about events that were evaluated."""
    evaluated: Outcomes = rows[rows["place"] != REJECTED]
    return evaluated
