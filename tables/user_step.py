"""The pure step of one user: (user, event) -> changed user and what the event tells the item plane."""

from dataclasses import dataclass

from streams.contract.event_weights import FINISHED_PCT
from streams.contract.events import EventType, Interaction, effective_type
from streams.contract.units import HOUR_MS
from tables import activity, cleaning, session
from tables.cleaning import CleaningLimits, ExclusionReason
from tables.engagement import CONSUMED, COUNTED
from tables.engagement_state import BEGUN, ENDED, NOT_BEGUN, code_of, watch_after
from tables.history import KNOWN
from tables.search_query import normal_query
from tables.signal import FINISHED_TENTHS, NO_COMPLETION, Signal
from tables.type_codes import CODE_OF
from tables.user import User

CONTEXT_ITEMS = 30
LEARNS_WITHIN_MS = 7 * 24 * HOUR_MS

_NEUTRAL = frozenset({EventType.IMPRESSION, EventType.SEARCH})


@dataclass(frozen=True, slots=True)
class EventPosition:
    """Where an event stands in its partition: offset, append time, and the watermark before it (older = late)."""

    offset: int
    append_ms: int
    watermark_ms: int


def step(
    user: User, event: Interaction, place: EventPosition, limits: CleaningLimits
) -> tuple[Signal | None, ExclusionReason | None]:
    """Fold a new event (no duplicate, no redelivery) into `user`; counters and dedupe are the caller's. Returns what
    the item plane is told, or why it is told nothing of an event that would have counted."""
    _remember_attributes(user, event)
    live = cleaning.is_live(event, place.append_ms, limits)
    rate = user.row.cleaning if live else user.row.cleaning.backdated
    is_bot = cleaning.is_bot(rate, event, place.append_ms, limits)
    known = user.history.entries.get(event.item_id)
    late = known is not None and event.timestamp_ms < known[0]
    watch = user.history.watches.get(event.item_id, NOT_BEGUN)
    watch_now = watch_after(watch, event, late=late)
    begins = watch_now != watch and (watch == NOT_BEGUN or watch_now == BEGUN)
    finishes = watch_now != watch and watch_now == ENDED
    session.step(user.row.behaviour.session, event, finishes=finishes)
    if event.event_type in _NEUTRAL:
        return (None, ExclusionReason.BOT) if is_bot else (_search(user, event, place), None)
    activity.step(user.row.behaviour.activity, event, begins=begins, finishes=finishes)
    if not late:  # else a late progress would undo a finish
        user.watching.step(event)
    kind = effective_type(event)
    newer = user.history.visit(event.item_id, event.timestamp_ms, code_of(event), watch_now)
    first = user.seen.meet(event.item_id, event.timestamp_ms, uses=kind in COUNTED and not is_bot)
    if is_bot:
        return None, ExclusionReason.BOT
    if not first and not _tells(event, kind, newer, place):
        return None, None
    is_over = cleaning.over_daily_share(rate, event.timestamp_ms, limits)
    if is_over and live:
        return None, ExclusionReason.DAILY_SHARE
    return _signal(user, event, kind, newer, place, first=first, in_trends=not is_over), None


def _learns(event: Interaction, kind: EventType, newer: int, place: EventPosition) -> bool:
    return kind in CONSUMED and newer != KNOWN and place.watermark_ms - event.timestamp_ms <= LEARNS_WITHIN_MS


def _tells(event: Interaction, kind: EventType, newer: int, place: EventPosition) -> bool:
    return _learns(event, kind, newer, place) or event.event_type is EventType.RATING or kind in COUNTED


def _signal(
    user: User, event: Interaction, kind: EventType, newer: int, place: EventPosition, *, first: bool, in_trends: bool
) -> Signal:
    learns = _learns(event, kind, newer, place)
    rated = event.event_type is EventType.RATING
    return Signal(
        event.item_id,
        CODE_OF[kind],
        learns,
        user.row.country,
        event.timestamp_ms // HOUR_MS,
        event.timestamp_ms < place.watermark_ms,
        place.offset,
        user.history.context(newer, CONTEXT_ITEMS) if learns else [],
        first,
        _tenths(event),
        round(event.rating * 100) if rated and event.rating is not None else 0,
        watermark_ms=place.watermark_ms,
        in_trends=in_trends,
    )


def _tenths(event: Interaction) -> int:
    """The completion in tenths of a percent, rounded, but never up to a finished watch."""
    if event.completion_pct is None:
        return NO_COMPLETION
    tenths = round(event.completion_pct * 10)
    return min(tenths, FINISHED_TENTHS - 1) if event.completion_pct < FINISHED_PCT else tenths


def _search(user: User, event: Interaction, place: EventPosition) -> Signal | None:
    query = normal_query(event.query) if event.event_type is EventType.SEARCH else ""
    if not query or event.timestamp_ms < place.watermark_ms:
        return None  # what is searched for is counted in windows only, and a late search is in none
    hour = event.timestamp_ms // HOUR_MS
    return Signal(
        "",
        CODE_OF[EventType.SEARCH],
        False,
        user.row.country,
        hour,
        False,
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
