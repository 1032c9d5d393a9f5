"""Two versions evaluated by the same events, in pairs. Pure.

An event counts if both versions evaluated it; see `ranking.outcomes` for which events a version evaluates, and by which
list. What they differ by is a mean over events, and its interval comes from resampling groups of users, because events
of one user resemble each other.

A replay reads days in seconds, and items are published by the clock and at checkpoints: what they know may be days
older than the event. Live they are seconds behind. So an outcome counts only if its items knew what happened up to an
hour before the event, and all but the last fiftieth of the time evaluated so far.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import numpy as np
from numpy.typing import NDArray

from offline.evaluate.intervals import interval
from offline.evaluate.metrics import gains, hits
from ranking.outcomes import OUTCOME, PRODUCTION_LAG_MS, REJECTED, UNKNOWN_MS, Outcomes, without_rejected
from streams.contract.units import HOUR_MS

TOP = 10
#: The metric that decides; the others are told.
DECISIVE = "ndcg@10"
_METRICS = {DECISIVE: gains, "hr@10": hits}
#: How much older than an event what its items knew may be, and as a share of the time since the first evaluated event.
STALE_MS = HOUR_MS
STALE_SHARE = 0.02
PERIODS = 24
#: Events that both evaluated before anything is decided.
FIRST_DECISION = 100
_MISS = np.int16(32_000)
_SEED = 7

#: Outcomes of one version by partition of interactions.
ByPartition = Mapping[int, Outcomes]


@dataclass(frozen=True, slots=True)
class MetricDifference:
    """Means of a metric for both versions, and the 95 % interval of their difference (None: too few users)."""

    metric: str
    live: float
    candidate: float
    low: float | None
    high: float | None

    @property
    def difference(self) -> float:
        """Candidate minus live."""
        return self.candidate - self.live


@dataclass(frozen=True, slots=True)
class QualityDecision:
    """The decisive metric over the first `events` evaluated by both: 100, 150, 200, 300, 400, 600, 800 and so on.

    In between nothing changes, so asking again and again does not find the moment at which chance is kind.
    """

    events: int
    found: MetricDifference


@dataclass(frozen=True, slots=True)
class Period:
    """HR@10 of both versions over a stretch of the evaluated events that begins at an event time, ms since the
    epoch."""

    begin_ms: int
    events: int
    live: float
    candidate: float


@dataclass(frozen=True, slots=True)
class Quality:
    """`events` were evaluated by both versions; `foreseen` of them by the candidate with items that knew later events.
    `stale` more do not count, because items knew too little. `differences` by metric, the decisive one first; `periods`
    in the order of time; `decision` is what the gate goes by, None while there are too few events."""

    events: int
    foreseen: int
    differences: tuple[MetricDifference, ...]
    periods: tuple[Period, ...] = ()
    stale: int = 0
    decision: QualityDecision | None = None

    def as_dict(self, live: str) -> dict[str, Any]:
        """What is kept with a version and with a switch, as plain JSON values; `live` names the other version."""
        decisive, *others = map(_rounded, self.differences)
        return {
            "against": live,
            "events": self.events,
            "foreseen": self.foreseen,
            "stale": self.stale,
            "production_lag_ms": PRODUCTION_LAG_MS,
            **decisive,
            "decision": None
            if self.decision is None
            else {"events": self.decision.events, **_rounded(self.decision.found)},
            "others": others,
        }


def paired(live: ByPartition, candidate: ByPartition) -> Quality | None:
    """Over the events that both evaluated and that count; None when there is none."""
    both = sorted(live.keys() & candidate.keys())
    pairs = [_joined(without_rejected(live[number]), without_rejected(candidate[number])) for number in both]
    a = np.concatenate([pair[0] for pair in pairs] or [np.zeros(0, OUTCOME)])
    b = np.concatenate([pair[1] for pair in pairs] or [np.zeros(0, OUTCOME)])
    counts = _is_fresh(a) & _is_fresh(b)
    if not counts.any():
        return None
    stale, a, b = int((~counts).sum()), a[counts], b[counts]
    foreseen = (b["feature_cutoff_ms"] != UNKNOWN_MS) & (b["feature_cutoff_ms"] > b["event_ms"])
    differences = tuple(_difference(metric, a, b) for metric in _METRICS)
    return Quality(len(a), int(foreseen.sum()), differences, _periods(a, b), stale, _decision(a, b))


def decided_at(events: int) -> int:
    """Over how many of so many events is decided; 0 = not yet.

    >>> [decided_at(events) for events in (99, 100, 149, 150, 326, 635)]
    [0, 100, 100, 150, 300, 600]
    """
    decided = 0
    while (following := decided_after(decided)) <= events:
        decided = following
    return decided


def decided_after(events: int) -> int:
    """Over how many is decided next: 100, 150, 200, 300, 400, 600, 800 and so on.

    >>> decided_after(0), decided_after(100), decided_after(150), decided_after(200)
    (100, 150, 200, 300)
    """
    if not events:
        return FIRST_DECISION
    doublings = (events // FIRST_DECISION).bit_length() - 1
    half = FIRST_DECISION << doublings
    return half * 3 // 2 if events == half else half * 2


def _decision(a: Outcomes, b: Outcomes) -> QualityDecision | None:
    events = decided_at(len(a))
    first = np.argsort(a["event_ms"], kind="stable")[:events]
    return QualityDecision(events, _difference(DECISIVE, a[first], b[first])) if events else None


def hit_rate(outcomes: ByPartition) -> tuple[float, int] | None:
    """HR@10 of one version over all that it evaluated and that counts, and how many events these are; None when there
    are none."""
    rows = without_rejected(np.concatenate([*outcomes.values(), np.zeros(0, OUTCOME)]))
    ranks = _ranks(rows[_is_fresh(rows)])
    return (round(float(hits(ranks, TOP).mean()), 4), len(ranks)) if len(ranks) else None


def more_rejected(live: ByPartition, candidate: ByPartition) -> float | None:
    """How many more of the records that both read the candidate could not use, as a share of them (negative: fewer);
    None when there are none."""
    records = more = 0
    for number in live.keys() & candidate.keys():
        a, b = live[number], candidate[number]
        first, last = max(a["offset"].min(), b["offset"].min()), min(a["offset"].max(), b["offset"].max())
        records += max(0, int(last - first) + 1)
        more += _rejected_within(b, first, last) - _rejected_within(a, first, last)
    return more / records if records else None


def _rejected_within(rows: Outcomes, first: int, last: int) -> int:
    offsets = rows["offset"][rows["place"] == REJECTED]
    return len(np.unique(offsets[(offsets >= first) & (offsets <= last)]))


def _is_fresh(rows: Outcomes) -> NDArray[np.bool_]:
    """Which rows were evaluated by items that knew enough. Live (UNKNOWN_MS) they always do."""
    since_ms = rows["event_ms"] - rows["event_ms"].min(initial=np.iinfo(np.int64).max)
    allowed_ms = np.minimum(STALE_MS, STALE_SHARE * since_ms)
    fresh: NDArray[np.bool_] = (rows["event_ms"] - rows["feature_cutoff_ms"] <= allowed_ms) | (
        rows["feature_cutoff_ms"] == UNKNOWN_MS
    )
    return fresh


def _joined(a: Outcomes, b: Outcomes) -> tuple[Outcomes, Outcomes]:
    _, of_a, of_b = np.intersect1d(a["offset"], b["offset"], return_indices=True)
    return a[of_a], b[of_b]


def _ranks(rows: Outcomes) -> NDArray[np.int16]:
    return np.where(rows["place"] < 0, _MISS, rows["place"])


def _difference(metric: str, a: Outcomes, b: Outcomes) -> MetricDifference:
    measure = _METRICS[metric]
    of_a, of_b = (np.asarray(measure(_ranks(rows), TOP), np.float64) for rows in (a, b))
    low, high = interval(of_b - of_a, a["group"].astype(np.int32), _SEED) or (None, None)
    return MetricDifference(metric, float(of_a.mean()), float(of_b.mean()), low, high)


def _periods(a: Outcomes, b: Outcomes) -> tuple[Period, ...]:
    order = np.argsort(a["event_ms"], kind="stable")
    stretches = [part for part in np.array_split(order, min(PERIODS, max(1, len(order) // 50))) if len(part)]
    return tuple(
        Period(
            int(a["event_ms"][part[0]]),
            len(part),
            float(hits(_ranks(a[part]), TOP).mean()),
            float(hits(_ranks(b[part]), TOP).mean()),
        )
        for part in stretches
    )


def _rounded(found: MetricDifference) -> dict[str, Any]:
    return {
        "metric": found.metric,
        "live": round(found.live, 4),
        "candidate": round(found.candidate, 4),
        "difference": round(found.difference, 4),
        "low": found.low,
        "high": found.high,
    }
