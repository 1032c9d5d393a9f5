"""What one collecting process counts, as /metrics shows it."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable
from typing import Final

from serving.collect.event_writer import EventWriter
from streams.metrics import DURATION_BOUNDS_S, Distribution, ExportedMetric, MetricKind, MetricsText, Reading


def _counter(name: str, meaning: str, *labels: str) -> ExportedMetric:
    return ExportedMetric(f"freshet_collect_{name}", MetricKind.COUNTER, meaning, labels)


REQUESTS: Final = _counter("requests", "Requests by route and status.", "route", "status")
DURATIONS: Final = ExportedMetric(
    "freshet_collect_request_seconds",
    MetricKind.HISTOGRAM,
    "Time to the answer, which is after Kafka's, by route.",
    ("route",),
)
ACKNOWLEDGED: Final = _counter("acknowledged", "Events that Kafka acknowledged.")
REFUSED: Final = _counter("refused", "Events that were not written because of what they are, by reason.", "reason")
FAILED: Final = _counter("failed", "Events that were sent and not acknowledged in time; their senders were told.")
WITHDRAWN: Final = _counter("withdrawn", "Events that waited too long to be sent; their senders were told.")
QUEUED: Final = ExportedMetric(
    "freshet_collect_queued_bytes", MetricKind.GAUGE, "Size of what waits for an acknowledgement."
)
CONNECTED: Final = ExportedMetric("freshet_collect_kafka_connected", MetricKind.GAUGE, "1 while Kafka takes events.")

METRICS: Final = (REQUESTS, DURATIONS, ACKNOWLEDGED, REFUSED, FAILED, WITHDRAWN, QUEUED, CONNECTED)


class CollectMetrics:
    """Requests by route and status, events by reason; the rest is read from the writer."""

    def __init__(self, writer: EventWriter) -> None:
        self.refused: Counter[str] = Counter()
        self._writer = writer
        self._requests: Counter[tuple[str, int]] = Counter()
        self._durations: dict[str, Distribution] = {}

    def observe(self, route: str, status: int, duration_s: float) -> None:
        """One finished request."""
        self._requests[route, status] += 1
        durations = self._durations.get(route)
        if durations is None:
            durations = self._durations[route] = Distribution(DURATION_BOUNDS_S)
        durations.observe(duration_s)

    def page(self) -> bytes:
        """The Prometheus text page."""
        return MetricsText(self._readings()).text()

    def _readings(self) -> Iterable[Reading]:
        writer = self._writer
        yield REQUESTS, {(route, str(status)): float(count) for (route, status), count in self._requests.items()}
        yield DURATIONS.by(self._durations)
        yield ACKNOWLEDGED.of(float(writer.acknowledged))
        yield REFUSED.by({reason: float(count) for reason, count in self.refused.items()})
        yield FAILED.of(float(writer.failed))
        yield WITHDRAWN.of(float(writer.withdrawn))
        yield QUEUED.of(float(writer.queued_bytes))
        yield CONNECTED.of(float(not writer.why_away))
