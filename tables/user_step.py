"""The pure step of one user: (user, event) -> changed user and what the event tells the item plane."""

import msgspec

from streams.contract.event_weights import FINISHED_PCT
from streams.contract.events import EventType, Interaction
from streams.contract.units import HOUR_MS
from tables import activity, cleaning, recent_searches, session
from tables.cleaning import CleaningLimits, ExclusionReason
from tables.engagement_state import BEGUN, ENDED, NOT_BEGUN, watch_after
from tables.event_facts import EventFacts, facts_of
from tables.history import KNOWN
from tables.search_query import normal_query
from tables.signal import FINISHED_TENTHS, NO_COMPLETION, Signal
from tables.type_codes import CODE_OF
from tables.user import User
from tables.user_row import UserRow

CONTEXT_ITEMS = 30
LEARNS_WITHIN_MS = 7 * 24 * HOUR_MS


class EventPosition(msgspec.Struct, frozen=True, gc=False):
    """Where an event stands in its partition: offset, append time, and the watermark before it (older = late)."""

    offset: int
    append_ms: int
    watermark_ms: int


def step(
    user: User, event: Interaction, place: EventPosition, limits: CleaningLimits
) -> tuple[Signal | None, ExclusionReason | None]:
    """Fold a new event (no duplicate, no redelivery) into `user`; counters and dedupe are the caller's. Returns what
    the item plane is told, or why it is told nothing of an event that would have counted."""
    row, history, facts = user.row, user.history, facts_of(event)
    item_id, timestamp_ms = event.item_id, event.timestamp_ms
    if timestamp_ms >= row.last_event_ms:  # one out of order says nothing about where the user is now
        _remember_attributes(row, event)
    live = cleaning.is_live(event, place.append_ms, limits)
    rate = row.cleaning if live else row.cleaning.backdated
    is_bot = cleaning.is_bot(rate, event, place.append_ms, limits)
    known = history.entries.get(item_id)
    late = known is not None and timestamp_ms < known[0]
    watch = watch_now = history.watches.get(item_id, NOT_BEGUN)
    begins = finishes = False
    if facts.watches:
        watch_now = watch_after(watch, event, late=late)
        if watch_now != watch:
            begins = watch == NOT_BEGUN or watch_now == BEGUN
            finishes = watch_now == ENDED
    session.step(row.behaviour.session, event, finishes=finishes)
    if facts.is_neutral:
        row.behaviour.searches = recent_searches.step(row.behaviour.searches, event)
        return (None, ExclusionReason.BOT) if is_bot else (_search(user, event, place), None)
    activity.step(row.behaviour.activity, event, facts.weight, begins=begins, finishes=finishes)
    if not late:  # else a late progress would undo a finish
        user.watching.step(event)
    newer = history.visit(item_id, timestamp_ms, facts.code, watch_now)
    first = user.seen.meet(item_id, timestamp_ms, uses=facts.counts and not is_bot)
    if is_bot:
        return None, ExclusionReason.BOT
    learns = facts.consumes and newer != KNOWN and place.watermark_ms - timestamp_ms <= LEARNS_WITHIN_MS
    if not (first or learns or facts.rates or facts.counts):
        return None, None
    is_over = cleaning.over_daily_share(rate, timestamp_ms, limits)
    if is_over and live:
        return None, ExclusionReason.DAILY_SHARE
    context = history.context(newer, CONTEXT_ITEMS) if learns else []
    return _signal(event, facts, place, row.country, context, learns=learns, first=first, in_trends=not is_over), None


def _signal(
    event: Interaction,
    facts: EventFacts,
    place: EventPosition,
    country: str,
    context: list[str],
    *,
    learns: bool,
    first: bool,
    in_trends: bool,
) -> Signal:
    timestamp_ms, watermark_ms = event.timestamp_ms, place.watermark_ms
    return Signal(
        event.item_id,
        facts.kind_code,
        learns,
        country,
        timestamp_ms // HOUR_MS,
        timestamp_ms < watermark_ms,
        place.offset,
        context,
        first,
        NO_COMPLETION if event.completion_pct is None else _tenths(event.completion_pct),
        round(event.rating * 100) if facts.rates and event.rating is not None else 0,
        watermark_ms=watermark_ms,
        in_trends=in_trends,
    )


def _tenths(completion_pct: float) -> int:
    """The completion in tenths of a percent, rounded, but never up to a finished watch."""
    tenths = round(completion_pct * 10)
    return min(tenths, FINISHED_TENTHS - 1) if completion_pct < FINISHED_PCT else tenths


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


def _remember_attributes(row: UserRow, event: Interaction) -> None:
    row.last_event_ms = event.timestamp_ms
    row.country = event.country or row.country
    row.language = event.language or row.language
    row.device_type = event.device_type or row.device_type
