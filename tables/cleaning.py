"""What is kept out of the model: events of bots, and a user's events beyond a day's share. Both are still folded into
the user's own row and counted there.

An event is live when it was appended within `live_within_ms` of its own time (an hour), else backdated: imported
history, or the work of somebody who would rather not be counted. The two are counted apart, so that an import uses up
nothing of the present.

Bots: more than `bot_events_per_minute` actions within a sliding minute of event time (never ahead of the append time)
flag a user until `bot_quiet_ms` have passed since the last such minute; backdated events in minutes of their own, which
real histories do not reach. A basket, many purchases at one instant, counts as one action. A bot that spreads its
timestamps escapes this rule, but not the daily share.

Daily share: of a day's live events only the first `training_events_per_day` teach the model. Backdated ones teach it
all, or half of what people rate on the evening they join would be lost; but in trends, where an event counts as much as
anybody else's, only so many of a day count.
"""

from bisect import insort
from dataclasses import dataclass
from enum import StrEnum

import msgspec

from streams.contract.events import EventType, Interaction
from streams.contract.units import DAY_MS, MINUTE_MS
from tables.row_codec import Whole


class ExclusionReason(StrEnum):
    """Why a folded event teaches the model nothing."""

    BOT = "bot"
    DAILY_SHARE = "daily_share"


@dataclass(frozen=True, slots=True)
class CleaningLimits:
    """Settings of both rules; 0 events switches a rule off. They shape rows: the same for all of a model version."""

    bot_events_per_minute: int = 100
    bot_quiet_ms: int = 10 * MINUTE_MS
    training_events_per_day: int = 50
    live_within_ms: int = 60 * MINUTE_MS


class RateRow(msgspec.Struct, array_like=True, gc=False):
    """How fast a user acts. `recent_ms` are the actions within a minute of the newest, ascending, at most one more than
    the limit; `trained` counts training events on `day` and on the day before; `flagged` and `capped` count events held
    back since the beginning."""

    recent_ms: list[Whole] = []
    flagged_until_ms: Whole = 0
    flagged: Whole = 0
    capped: Whole = 0
    day: Whole = 0
    trained: tuple[Whole, Whole] = (0, 0)


class CleaningRow(RateRow, array_like=True, gc=False):
    """Part of a user's row: how fast they act live, and in `backdated` events, of which `capped` count in no trend."""

    backdated: RateRow = msgspec.field(default_factory=RateRow)


def is_live(event: Interaction, append_ms: int, limits: CleaningLimits) -> bool:
    """False for backdated events."""
    return append_ms - event.timestamp_ms <= limits.live_within_ms


def is_bot(row: RateRow, event: Interaction, append_ms: int, limits: CleaningLimits) -> bool:
    """Note an event and say whether its user is flagged at that time; `row` counts events of its kind."""
    limit = limits.bot_events_per_minute
    if not limit:
        return False
    at_ms, recent_ms = min(event.timestamp_ms, append_ms), row.recent_ms
    if not (event.event_type is EventType.PURCHASE and at_ms in recent_ms):
        _note(recent_ms, at_ms, limit)
        if len(recent_ms) > limit:
            row.flagged_until_ms = max(row.flagged_until_ms, at_ms + limits.bot_quiet_ms)
    flagged = at_ms < row.flagged_until_ms
    if flagged:
        row.flagged += 1
    return flagged


def _note(recent_ms: list[int], at_ms: int, limit: int) -> None:
    if recent_ms and at_ms < recent_ms[-1]:
        insort(recent_ms, at_ms)
    else:
        recent_ms.append(at_ms)
    oldest_ms = recent_ms[-1] - MINUTE_MS
    outside = 0
    while recent_ms[outside] <= oldest_ms:
        outside += 1
    if surplus := max(outside, len(recent_ms) - limit - 1):
        del recent_ms[:surplus]


def over_daily_share(row: RateRow, timestamp_ms: int, limits: CleaningLimits) -> bool:
    """Note an event that would train the model and say whether its day's share was used up before it; `row` counts
    events of its kind. Days are UTC; an event of an older day than yesterday (of the newest) is beyond any share."""
    limit = limits.training_events_per_day
    if not limit:
        return False
    day = timestamp_ms // DAY_MS
    if day > row.day:
        row.trained = (0, row.trained[0] if day == row.day + 1 else 0)
        row.day = day
    today, yesterday = row.trained
    used = today if day == row.day else yesterday if day == row.day - 1 else limit
    if used >= limit:
        row.capped += 1
        return True
    row.trained = (today + 1, yesterday) if day == row.day else (today, yesterday + 1)
    return False
