"""The current session of a user: events without a gap of more than 30 minutes, or those of one explicit session id."""

import msgspec

from streams.contract.events import Interaction
from tables.row_codec import Whole

GAP_MS = 30 * 60_000
BINGE_FINISHED = 3


class SessionRow(msgspec.Struct, array_like=True, gc=False):
    """Part of a user's row: event times of the first and last event (ms), counts within the session, and the explicit
    id ("" = none). `sessions` counts sessions since the beginning, the current one included."""

    started_ms: Whole = 0
    last_ms: Whole = 0
    events: Whole = 0
    finished: Whole = 0
    session_id: str = ""
    sessions: Whole = 0

    @property
    def length_s(self) -> float:
        """Seconds from the first event of the session to the last."""
        return (self.last_ms - self.started_ms) / 1000

    @property
    def is_binge(self) -> bool:
        """True when at least three items were watched to their end in this session."""
        return self.finished >= BINGE_FINISHED


def step(row: SessionRow, event: Interaction, *, finishes: bool) -> None:
    """Follow one event, which `finishes` an item or not.

    A late event that lies before the session belongs to an earlier one, which is over: it is ignored. One within 30
    minutes before the start extends the session backwards.
    """
    at_ms = event.timestamp_ms
    if not row.sessions or _begins(row, event):
        row.started_ms = row.last_ms = at_ms
        row.events = row.finished = 0
        row.session_id = event.session_id or ""
        row.sessions += 1
    elif at_ms < row.started_ms - GAP_MS or _is_foreign(row, event):
        return
    if at_ms < row.started_ms:
        row.started_ms = at_ms
    if at_ms > row.last_ms:
        row.last_ms = at_ms
    row.events += 1
    if finishes:
        row.finished += 1
    if event.session_id and not row.session_id:
        row.session_id = event.session_id


def _begins(row: SessionRow, event: Interaction) -> bool:
    if event.timestamp_ms < row.last_ms:
        return False
    return event.timestamp_ms - row.last_ms > GAP_MS or _is_foreign(row, event)


def _is_foreign(row: SessionRow, event: Interaction) -> bool:
    return bool(event.session_id and row.session_id and event.session_id != row.session_id)
