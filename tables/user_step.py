"""The pure step of one user: (user, event) -> changed user and what the event tells the item plane."""

from dataclasses import dataclass

from streams.event_weights import is_finished_watch
from streams.events import EventType, Interaction, effective_type
from streams.units import HOUR_MS
from tables import activity, cleaning, session
from tables.cleaning import CleaningLimits, HeldBack
from tables.engagement import CONSUMED, COUNTED
from tables.history import KNOWN
from tables.search_query import normal_query
from tables.signal import NO_COMPLETION, Signal
from tables.type_codes import CODE_OF, FINISHED
from tables.user import User

CONTEXT_ITEMS = 30
LEARNS_WITHIN_MS = 7 * 24 * HOUR_MS

_NEUTRAL = frozenset({EventType.IMPRESSION, EventType.SEARCH})


@dataclass(frozen=True, slots=True)
class Place:
    """Where an event stands in its partition: offset, append time, and the watermark before it (older = late)."""

    offset: int
    append_ms: int
    watermark_ms: int


def step(user: User, event: Interaction, place: Place, limits: CleaningLimits) -> tuple[Signal | None, HeldBack | None]:
    """Fold a new event (no duplicate, no redelivery) into `user`; counters and dedupe are the caller's. Returns what
    the item plane is told, or why it is told nothing of an event that would have counted."""
    _remember_attributes(user, event)
    live = cleaning.is_live(event, place.append_ms, limits)
    is_bot = live and cleaning.is_bot(user.row.cleaning, event, place.append_ms, limits)
    known = user.history.entries.get(event.item_id)
    finishes = is_finished_watch(event) and (known is None or known[1] != FINISHED)
    session.step(user.row.behaviour.session, event, finishes=finishes)
    if event.event_type in _NEUTRAL:
        return (None, HeldBack.BOT) if is_bot else (_search(user, event, place), None)
    activity.step(user.row.behaviour.activity, event, known, finishes=finishes)
    if known is None or known[0] <= event.timestamp_ms:  # else a late progress would undo a finish
        user.watching.step(event)
    kind = effective_type(event)
    code = FINISHED if is_finished_watch(event) else CODE_OF[kind]
    newer = user.history.visit(event.item_id, event.timestamp_ms, code)
    user.seen.meet(event.item_id, event.timestamp_ms)
    if is_bot:
        return None, HeldBack.BOT
    return _signal(user, event, kind, newer, place, limits if live else None)


def _signal(
    user: User, event: Interaction, kind: EventType, newer: int, place: Place, share: CleaningLimits | None
) -> tuple[Signal | None, HeldBack | None]:
    """What a clean event tells; `share` limits live events to a day's share."""
    learns = kind in CONSUMED and newer != KNOWN and place.watermark_ms - event.timestamp_ms <= LEARNS_WITHIN_MS
    rated = event.event_type is EventType.RATING
    if not learns and not rated and kind not in COUNTED:
        return None, None
    if share is not None and cleaning.over_daily_share(user.row.cleaning, event.timestamp_ms, share):
        return None, HeldBack.DAILY_SHARE
    signal = Signal(
        event.item_id,
        CODE_OF[kind],
        learns,
        user.row.country,
        event.timestamp_ms // HOUR_MS,
        event.timestamp_ms < place.watermark_ms,
        place.offset,
        user.history.context(newer, CONTEXT_ITEMS) if learns else [],
        user.viewer,
        NO_COMPLETION if event.completion_pct is None else round(event.completion_pct * 10),
        round(event.rating * 100) if rated and event.rating is not None else 0,
        watermark_ms=place.watermark_ms,
    )
    return signal, None


def _search(user: User, event: Interaction, place: Place) -> Signal | None:
    query = normal_query(event.query) if event.event_type is EventType.SEARCH else ""
    if not query:
        return None
    hour = event.timestamp_ms // HOUR_MS
    late = event.timestamp_ms < place.watermark_ms
    return Signal(
        "",
        CODE_OF[EventType.SEARCH],
        False,
        user.row.country,
        hour,
        late,
        place.offset,
        [],
        query=query,
        watermark_ms=place.watermark_ms,
    )


def _remember_attributes(user: User, event: Interaction) -> None:
    row = user.row
    if event.timestamp_ms < row.last_event_ms:
        return  # an event out of order says nothing about where the user is now
    row.last_event_ms = event.timestamp_ms
    row.country = event.country or row.country
    row.language = event.language or row.language
    row.device_type = event.device_type or row.device_type
