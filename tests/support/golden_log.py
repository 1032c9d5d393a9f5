"""One log of everything, for digests of what folds make of it (golden_digests.py).

Uses of `random` are those whose results Python promises to keep: `Random(seed).random()`.
"""

import json
import random
from collections.abc import Sequence
from typing import Any, TypeVar

from invariant_logs import DAY_MS, HOUR_MS, MINUTE_MS, START_MS

from streams.contract.events import EventType
from tables.signal import NO_COMPLETION, Signal
from tables.type_codes import CODE_OF

EVENTS = 4_000
SIGNALS = 3_000
USERS, ITEMS = 40, 90

T = TypeVar("T")


class Pick:
    """Chance that is the same on every machine and in every release of Python."""

    def __init__(self, seed: int) -> None:
        self._random = random.Random(seed).random

    def below(self, end: int) -> int:
        """0 to end - 1."""
        return int(self._random() * end)

    def of(self, choices: Sequence[T]) -> T:
        """One of them."""
        return choices[self.below(len(choices))]

    def happens(self, share: float) -> bool:
        """True in a share of all calls."""
        return self._random() < share


_GAPS_MS = (0, 200, 1_000, 1_000, 5_000, MINUTE_MS, 5 * MINUTE_MS, 20 * MINUTE_MS, 40 * MINUTE_MS, 2 * HOUR_MS)
_BEHIND_MS = (0,) * 12 + (1_000, 4 * MINUTE_MS, 6 * MINUTE_MS, 50 * MINUTE_MS, 3 * HOUR_MS, 2 * DAY_MS, 9 * DAY_MS)
_EXTREME_MS = (92 * DAY_MS, -4 * MINUTE_MS, -6 * MINUTE_MS)
_COMPLETIONS = (None, 0, 3.5, 40, 89.9, 89.97, 90, 94.9, 95, 100, 100.6, 102)


def golden_events() -> list[tuple[int, bytes, bytes]]:
    """(append time, key, value): sessions of watching, rating and refusing, every type of event and field, late, ahead,
    twice, malformed, in the wrong partition, of bots and of those who do too much."""
    pick = Pick(20_26)
    append_ms, made, sent = START_MS, [], {}
    while len(made) < EVENTS:
        append_ms += pick.of(_GAPS_MS)
        if pick.happens(0.002):
            append_ms += 30 * DAY_MS  # some are idle for longer than the retention
        user, item = f"u{pick.below(USERS)}", pick.below(ITEMS)
        times = pick.of((1, 1, 1, 2, 4))
        if pick.happens(0.004):
            user, times = "bot", 60
        for _ in range(times):
            append_ms += pick.of((0, 20, 900))
            event = _event(pick, f"e{len(made)}", user, item, append_ms)
            value = json.dumps(event).encode()
            if made and pick.happens(0.01):
                value = pick.of(made[-200:])[2]  # mostly at a key that is not its user's
            elif user in sent and pick.happens(0.04):
                value = sent[user]  # again
            elif pick.happens(0.01):
                value = value[:-1]
            made.append((append_ms, user.encode(), value))
            sent[user] = value
            item = item if pick.happens(0.6) else pick.below(ITEMS)
    return made


def _event(pick: Pick, event_id: str, user: str, item: int, append_ms: int) -> dict[str, Any]:
    kind = pick.of(tuple(EventType)).value
    behind_ms = pick.of(_EXTREME_MS) if pick.happens(0.01) else pick.of(_BEHIND_MS)
    event: dict[str, Any] = {
        "event_id": event_id,
        "event_type": kind.upper() if pick.happens(0.2) else kind,
        "user_id": user,
        pick.of(("item_id", "content_id")): f"i{item}",
        "timestamp": append_ms - behind_ms,
    }
    if pick.happens(0.05):
        del event["event_id"]
    if pick.happens(0.02):  # as a million producers have them that know no integers
        event |= {"timestamp": float(event["timestamp"]), "session_id": 7.0, "position": 3.0}
    if pick.happens(0.01):
        event |= {"item_id": pick.of((item, float(item), f"i{item}\n", "")), "content_id": None}
    if pick.happens(0.01):
        del event[pick.of(("event_type", "user_id", "timestamp"))]
    if kind in ("rating", "like") or pick.happens(0.02):
        event["rating"] = pick.of((0.5, 1, 2.5, 3, 3.5, 4, 5, 6) if pick.happens(0.1) else (1, 3, 4.5))
    if (kind.startswith("watch") or kind == "play") and (percent := pick.of(_COMPLETIONS)) is not None:
        event[pick.of(("completion_pct", "progress_pct", "completion_percentage"))] = percent
    if kind.startswith("watch") and pick.happens(0.7):
        event["watch_duration"] = pick.of((0, 0.1, 12.5, 300, 5_400))
    for field, values in _OPTIONAL.items():
        if pick.happens(0.3):
            event[field] = pick.of(values)
    return event


_OPTIONAL: dict[str, tuple[Any, ...]] = {
    "session_id": ("s1", "s2", 7, ""),
    "device_type": ("tv", "mobile", "web", "tablet", "console", "car"),
    "country": ("NL", "de", "BR", "US", None, ""),
    "language": ("nl", "en"),
    "query": ("Space  Opera", "space opera", "", "noir"),
    "position": (0, 3),
    "referrer": ("home", "search", "", None),
    "recommendation_id": ("v1.0.7.18c", "shared.5f.a", 7),
    "experiment_id": ("ranker-b", ""),
    "variant": ("treatment", "control", 2),
    "schema_version": ("1", 1, "2.0"),
    "unknown": ({"a": [1]}, None),
}


def golden_signals() -> list[Signal]:
    """What users might tell items over twelve days; made without the fold of users, so that it shows only the other."""
    pick = Pick(7)
    at_ms, signals = START_MS, []
    codes = tuple(CODE_OF.values())
    for offset in range(SIGNALS):
        at_ms += pick.below(12 * DAY_MS * 2 // SIGNALS)
        watermark_ms = at_ms - 5 * MINUTE_MS
        event_ms = at_ms - pick.of((0,) * 8 + (6 * MINUTE_MS, 5 * HOUR_MS, 3 * DAY_MS, 9 * DAY_MS))
        country, hour, late = pick.of(("NL", "DE", "")), event_ms // HOUR_MS, event_ms < watermark_ms
        if pick.happens(0.1):
            query, code = pick.of(("noir", "space", "anime")), CODE_OF[EventType.SEARCH]
            signals.append(
                Signal("", code, False, country, hour, late, offset, [], query=query, watermark_ms=watermark_ms)
            )
            continue
        learns = pick.happens(0.7)
        signals.append(
            Signal(
                f"i{pick.below(ITEMS)}",
                pick.of(codes),
                learns,
                country,
                hour,
                late,
                offset,
                [f"i{(offset * 7 + place * 3) % 400}" for place in range(pick.below(31))] if learns else [],
                pick.happens(0.3),
                pick.of((NO_COMPLETION, 0, 405, 1_000)),
                pick.of((0, 0, 0, 50, 450)),
                watermark_ms=watermark_ms,
            )
        )
    return signals
