"""The pure step of one user: (user, event) -> changed user and what the event tells the item plane."""

from streams.events import EventType, Interaction, effective_type
from tables.engagement import COUNTED, POSITIVE_CODES
from tables.history import KNOWN
from tables.signal import HOUR_MS, Signal
from tables.type_codes import CODE_OF
from tables.user import User

CONTEXT_ITEMS = 30
LEARNS_WITHIN_MS = 7 * 24 * HOUR_MS

_NEUTRAL = frozenset({EventType.IMPRESSION, EventType.SEARCH})


def step(user: User, event: Interaction, offset: int, watermark_ms: int) -> Signal | None:
    """Fold a new event (no duplicate, no redelivery) into `user`; counters and dedupe are the caller's.

    `watermark_ms` is the partition's watermark before this event: what is older is late.
    """
    _remember_attributes(user, event)
    if event.event_type in _NEUTRAL:
        return None
    kind = effective_type(event)
    code = CODE_OF[kind]
    if not _outdated(user, event):
        user.watching.step(event)
    newer = user.history.visit(event.item_id, event.timestamp_ms, code)
    user.seen.meet(event.item_id, event.timestamp_ms)
    if code not in POSITIVE_CODES:
        return None
    learns = newer != KNOWN and watermark_ms - event.timestamp_ms <= LEARNS_WITHIN_MS
    if not learns and kind not in COUNTED:
        return None
    context = user.history.context(newer, CONTEXT_ITEMS) if learns else []
    late = event.timestamp_ms < watermark_ms
    hour = event.timestamp_ms // HOUR_MS
    return Signal(event.item_id, code, learns, user.row.country, hour, late, offset, context)


def _remember_attributes(user: User, event: Interaction) -> None:
    row = user.row
    if event.timestamp_ms < row.last_event_ms:
        return  # an event out of order says nothing about where the user is now
    row.last_event_ms = event.timestamp_ms
    row.country = event.country or row.country
    row.language = event.language or row.language
    row.device_type = event.device_type or row.device_type


def _outdated(user: User, event: Interaction) -> bool:
    """True when the user did something newer with the item: a late progress must not undo a finish."""
    known = user.history.entries.get(event.item_id)
    return known is not None and known[0] > event.timestamp_ms
