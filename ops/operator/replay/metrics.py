"""What `freshet replay` exports while it runs; its workers have pages of their own, on the ports behind."""

from collections.abc import Iterator
from typing import Final

from offline.replay.progress import ReplayProgress
from streams.metrics import ExportedMetric, MetricKind, Reading

_GAUGE = MetricKind.GAUGE
FOLDED: Final = ExportedMetric("freshet_replay_folded_records", _GAUGE, "Records of the log that the version folded.")
BEHIND: Final = ExportedMetric("freshet_replay_behind_records", _GAUGE, "Records of the log that it has not folded.")
LAG: Final = ExportedMetric("freshet_replay_lag_seconds", _GAUGE, "Age of the oldest record that waits; 0 at the head.")
SKEW: Final = ExportedMetric(
    "freshet_replay_skew_seconds", _GAUGE, "Event time between the slowest partition and the one that is ahead most."
)
CAUGHT_UP: Final = ExportedMetric("freshet_replay_caught_up", _GAUGE, "1 once the version was at the head of the log.")

METRICS: Final = (FOLDED, BEHIND, LAG, SKEW, CAUGHT_UP)


class ReplayMetrics:
    """`streams.metrics.Observed` for a replay; `note` takes every look at it."""

    def __init__(self) -> None:
        self._progress: ReplayProgress | None = None
        self._caught_up = False

    def note(self, progress: ReplayProgress, *, at_head: bool) -> None:
        """How far it is now."""
        self._progress = progress
        self._caught_up |= at_head

    def readings(self) -> Iterator[Reading]:
        """Every metric."""
        known: dict[ExportedMetric, float] = {}
        if (progress := self._progress) is not None:
            known = {FOLDED: progress.folded, BEHIND: progress.behind}
            known |= {LAG: progress.lag_ms / 1000, SKEW: progress.skew_ms / 1000}
        for metric in (FOLDED, BEHIND, LAG, SKEW):
            yield metric, {(): float(known[metric])} if known else {}
        yield CAUGHT_UP.of(float(self._caught_up))

    def stuck(self) -> str:
        """Nothing: a look that fails ends the command."""
        return ""

    def unready(self) -> str:
        """Why the version is not one to promote yet."""
        if self._progress is None:
            return "nobody has looked how far it is yet"
        return "" if self._caught_up else f"it is {self._progress.behind} records behind"
