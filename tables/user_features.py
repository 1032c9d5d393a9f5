"""The features of one user, computed from the row and the preferred genres (`ranking.genre_preferences`) when they are
published; nothing here is stored.

disliked genres     those of the profile and of the history
completion rate     items watched to their end / items begun
engagement score    1 - e^(-w / 20), w = positive event weights decayed by e^(-0.05 * days): 0 = never seen, near 1 =
                    here every day
preferred hours     the three hours of the day, in the user's time zone when known, else UTC, with most events; fewer
                    when fewer had any. Counts are kept by UTC hour: half-hour zones are rounded down.
"""

from datetime import datetime, timedelta, tzinfo
from math import exp
from typing import NamedTuple

import msgspec

from streams.contract.catalog import UserProfile
from streams.contract.units import DAY_MS
from tables.activity import WATCH_DAYS, decayed_weight
from tables.day_counts import sum_days
from tables.session import GAP_MS
from tables.user import User

RECENT_ITEMS = 5
ENGAGEMENT_SCALE = 20.0
PREFERRED_HOURS = 3
_HOUR = timedelta(hours=1)


class GenrePreferences(NamedTuple):
    """What a history says of genres: the share of each liked one, the largest first, together 1 or empty; the disliked
    ones."""

    shares: dict[str, float]
    disliked: frozenset[str]


class UserFeatures(msgspec.Struct, frozen=True, gc=False):
    """What other systems may know of a user. Lists are newest first; None = nothing to compute it from. Times are ms
    since the epoch; rates and scores 0..1."""

    user_id: str
    last_items: list[str]
    recent_items: list[str]
    last_action_ms: int
    genre_preferences: dict[str, float]
    disliked_genres: list[str]
    average_watch_s: float | None
    completion_rate: float | None
    preferred_hours: list[int]
    engagement_score: float
    watches_7d: int
    session_length_s: float
    in_session: bool
    is_binge: bool
    is_bot: bool
    devices: list[str]
    country: str | None
    language: str | None
    ratings: int
    average_rating: float | None


def features(
    user: User, profile: UserProfile | None, preferred: GenrePreferences, now_ms: int, zone: tzinfo | None = None
) -> UserFeatures:
    """The features at `now_ms`; `zone` is the user's time zone when it is known."""
    row = user.row
    activity, session = row.behaviour.activity, row.behaviour.session
    items = list(reversed(user.history.entries))
    return UserFeatures(
        user_id=user.user_id,
        last_items=items,
        recent_items=items[:RECENT_ITEMS],
        last_action_ms=row.last_event_ms,
        genre_preferences=preferred.shares,
        disliked_genres=sorted(preferred.disliked.union(profile.disliked_genres if profile else ())),
        average_watch_s=activity.timed_s / activity.timed if activity.timed else None,
        completion_rate=min(1.0, activity.finished / activity.watched) if activity.watched else None,
        preferred_hours=preferred_hours(activity.hours, now_ms, zone),
        engagement_score=1.0 - exp(-decayed_weight(activity, now_ms) / ENGAGEMENT_SCALE),
        watches_7d=sum_days(activity.newest_watch_day, activity.watch_days, now_ms // DAY_MS, WATCH_DAYS),
        session_length_s=session.length_s,
        in_session=bool(session.sessions) and now_ms - session.last_ms <= GAP_MS,
        is_binge=session.is_binge,
        is_bot=now_ms < row.cleaning.flagged_until_ms,
        devices=list(activity.devices),
        country=row.country or (profile.country if profile else None),
        language=row.language or (profile.language if profile else None),
        ratings=activity.ratings,
        average_rating=activity.rating_sum / activity.ratings if activity.ratings else None,
    )


def preferred_hours(hours: list[int], now_ms: int, zone: tzinfo | None) -> list[int]:
    """The busiest hours of the day, 0..23, the busiest first, the earlier first among equals."""
    shift = 0
    if zone is not None:
        offset = datetime.fromtimestamp(now_ms / 1000, zone).utcoffset() or timedelta()
        shift = offset // _HOUR
    local = {(hour + shift) % 24: count for hour, count in enumerate(hours) if count}
    return sorted(local, key=lambda hour: (-local[hour], hour))[:PREFERRED_HOURS]
