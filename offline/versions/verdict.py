"""What the gate makes of how two versions' lists turned out: good enough, not good enough, or not decided yet. Pure.

A candidate is good enough when the lower end of the interval of its difference, over the events at which is decided
(`QualityDecision`), is within the margin, and nothing over all events speaks against it. While the interval reaches
beyond the margin but not all of it does, nobody knows: more events will tell, and the reason says how many.
"""

from collections.abc import Sequence
from dataclasses import dataclass

from offline.versions.quality import FIRST_DECISION, MetricDifference, Quality, decided_after

#: How the reasons begin that more events may take away.
UNDECIDED = "undecided: "


@dataclass(frozen=True, slots=True)
class QualityLimits:
    """`margin` is the share of the live version's quality that may be lost at the lower end of the interval.

    One that is higher even there, by more than `too_good` and by more than the share `too_good_share` of the live
    version's, is not believed.
    """

    margin: float = 0.05
    too_good: float = 0.1
    too_good_share: float = 0.5

    def allowed(self, found: MetricDifference) -> float:
        """The least difference that is allowed."""
        return -self.margin * found.live

    def believed(self, found: MetricDifference) -> float:
        """The largest difference that is believed."""
        return max(self.too_good, self.too_good_share * found.live)


def only_undecided(reasons: Sequence[str]) -> bool:
    """Whether nothing speaks against a version but that too little is known of it.

    >>> only_undecided(["undecided: 40 events"]), only_undecided(["undecided: 40 events", "broken"]), only_undecided([])
    (True, False, False)
    """
    return bool(reasons) and all(reason.startswith(UNDECIDED) for reason in reasons)


def quality_reasons(quality: Quality | None, live: str, limits: QualityLimits) -> list[str]:
    """Why what the candidate's lists were worth is not enough, or too much to be true; `live` is the other version."""
    events = quality.events if quality else 0
    if quality is None or quality.decision is None:
        more = FIRST_DECISION - events
        return [f"{UNDECIDED}{events:,} events were evaluated both under {live} and by it, {more:,} more are needed"]
    reasons = []
    if quality.foreseen:
        reasons.append(
            f"{quality.foreseen} of {events} events were evaluated with items that knew what came later: a leak"
        )
    of_all, decisive = quality.differences[0], quality.decision.found
    if of_all.low is None or of_all.high is None or decisive.low is None:
        return [*reasons, f"{UNDECIDED}the {events:,} events that were evaluated are of too few users"]
    told, allowed = _told(of_all, live, events), limits.allowed(of_all)
    if of_all.high < allowed:
        reasons.append(f"{told}: lower by {-of_all.high:.4f} at least (limit {-allowed:.4f})")
    elif of_all.low > limits.believed(of_all):
        reasons.append(f"{told}: higher by {of_all.low:.4f} at least, as if it knew what it is evaluated by")
    elif decisive.low < limits.allowed(decisive):
        reasons.append(f"{UNDECIDED}{_not_yet(quality.decision.events, events, decisive, decisive.low, live, limits)}")
    elif of_all.difference < allowed:
        reasons.append(f"{told}: lower by more than the limit ({-allowed:.4f}), though it was not at first")
    return reasons


def _told(found: MetricDifference, live: str, events: int) -> str:
    return f"{found.metric} of {events:,} events is {found.candidate:.4f} against {found.live:.4f} of {live}"


def _not_yet(decided: int, events: int, found: MetricDifference, low: float, live: str, limits: QualityLimits) -> str:
    """What was found at the last decision, when the next one is, and how many events will do if it stays so."""
    allowed, following = limits.allowed(found), decided_after(decided)
    text = (
        f"{_told(found, live, decided)}, and may be lower by as much as {-low:.4f} (limit {-allowed:.4f}); "
        f"decided again at {following:,} events, {following - events:,} more"
    )
    if found.difference < allowed:
        text += ". Its mean is beyond the limit: it is more likely to be worse"
    elif (room := max(0.0, found.difference) - allowed) > 0:
        enough = following
        while (found.difference - low) * (decided / enough) ** 0.5 > room:  # an interval halves with four times as many
            enough = decided_after(enough)
        text += f", and some {enough:,} will do if it is as good"
    return text
