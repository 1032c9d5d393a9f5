"""What a process exports, before it is Prometheus': definitions, and the plain objects that hot code feeds.

A number that something counts anyway is read from there when somebody asks (`Reading`); nothing is counted twice. The
definitions are also what docs/metrics.md is made of.
"""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from enum import StrEnum
from itertools import accumulate
from typing import TYPE_CHECKING, Protocol

if TYPE_CHECKING:
    import numpy as np
    from numpy.typing import NDArray
    from prometheus_client import Metric as Family

#: Of a request to a server on the same network, or of a batch: a hundredth of a second to ten.
DURATION_BOUNDS_S = (0.001, 0.0025, 0.005, 0.01, 0.025, 0.05, 0.1, 0.25, 0.5, 1.0, 2.5, 5.0, 10.0)
#: From what people do not notice to what operators are called for.
FRESHNESS_BOUNDS_S = (0.025, 0.05, 0.1, 0.2, 0.3, 0.5, 0.75, 1.0, 2.0, 5.0, 15.0, 60.0, 600.0)
#: Of what is read from Kafka at a start: a second to an hour.
RESTORE_BOUNDS_S = (0.5, 1.0, 2.0, 5.0, 10.0, 20.0, 30.0, 60.0, 120.0, 300.0, 900.0, 3600.0)


#: So many values are faster counted one by one (0.2 µs each) than by numpy (16 µs a call).
FEW = 64


class MetricKind(StrEnum):
    """Prometheus' types."""

    COUNTER = "counter"
    GAUGE = "gauge"
    HISTOGRAM = "histogram"


class Distribution:
    """A histogram that is a list and a bisection (0.4 µs a value): `bounds` ascend, values above the last one count
    too. Prometheus' own costs five times as much."""

    def __init__(self, bounds: Sequence[float]) -> None:
        self.bounds = bounds
        self.counts = [0] * (len(bounds) + 1)
        self.total = 0.0

    def observe(self, value: float) -> None:
        """Takes one value."""
        self.counts[bisect_left(self.bounds, value)] += 1
        self.total += value

    def observe_all(self, values: NDArray[np.float64]) -> None:
        """Takes many at once.

        >>> import numpy as np
        >>> ages = Distribution((1.0, 2.0)); ages.observe_all(np.array([0.5, 1.0, 1.5, 9.0])); ages.counts
        [2, 1, 1]
        """
        if len(values) < FEW:
            for value in values.tolist():
                self.observe(value)
            return
        import numpy as np  # the endpoint has no arrays, and starts without

        for place, count in enumerate(np.bincount(np.searchsorted(self.bounds, values), minlength=len(self.counts))):
            self.counts[place] += int(count)
        self.total += float(values.sum())

    def cumulated(self) -> list[tuple[str, float]]:
        """(upper bound, values up to it), as Prometheus wants them."""
        return list(zip((*map(str, self.bounds), "+Inf"), map(float, accumulate(self.counts)), strict=True))


Value = float | Distribution
#: By the values of the labels, in their order.
Samples = Mapping[tuple[str, ...], Value]
Reading = tuple["ExportedMetric", Samples]


@dataclass(frozen=True, slots=True)
class ExportedMetric:
    """One metric. `name` has the unit at its end and, of a counter, no `_total`, which Prometheus adds. `meaning` is
    one sentence; `labels` have few values each."""

    name: str
    kind: MetricKind
    meaning: str
    labels: tuple[str, ...] = ()

    @property
    def exported(self) -> str:
        """The name that queries use; of a histogram without `_bucket`, `_sum` and `_count`."""
        return f"{self.name}_total" if self.kind is MetricKind.COUNTER else self.name

    @property
    def unit(self) -> str:
        """By the end of the name.

        >>> ExportedMetric("freshet_lag_seconds", MetricKind.GAUGE, "").unit
        'seconds'
        """
        end = self.name.rpartition("_")[2]
        return end if end in ("seconds", "bytes", "ratio", "records", "rows") else ""

    def of(self, value: Value) -> Reading:
        """A reading without labels."""
        return self, {(): value}

    def by(self, samples: Mapping[str, Value]) -> Reading:
        """A reading by the only label."""
        return self, {(name,): value for name, value in samples.items()}

    def family(self, samples: Samples) -> Family:
        """As Prometheus' client takes it."""
        from prometheus_client.core import CounterMetricFamily, GaugeMetricFamily, HistogramMetricFamily

        labels = self.labels
        if self.kind is MetricKind.HISTOGRAM:
            histogram = HistogramMetricFamily(self.name, self.meaning, labels=labels)
            for values, value in samples.items():
                assert isinstance(value, Distribution)
                histogram.add_metric(values, value.cumulated(), value.total)
            return histogram
        new = CounterMetricFamily if self.kind is MetricKind.COUNTER else GaugeMetricFamily
        family: Family = new(self.name, self.meaning, labels=labels)
        for values, value in samples.items():
            family.add_metric(values, value)  # type: ignore[attr-defined]  # of both
        return family


class Observed(Protocol):
    """A process that somebody looks at, from within its event loop."""

    def readings(self) -> Iterable[Reading]:
        """Every metric, with or without samples."""

    def stuck(self) -> str:
        """Why the process does not work though its event loop turns; "" when it does."""

    def unready(self) -> str:
        """Why it does not do its work yet, or just now; "" when it does."""


#: Told who is to be looked at, once there is somebody.
Observe = Callable[[Observed], None]


class MetricsText:
    """Readings as a collector of Prometheus' client."""

    def __init__(self, readings: Iterable[Reading]) -> None:
        self._readings = list(readings)

    def collect(self) -> Iterator[Family]:
        """Yields metric families."""
        for metric, samples in self._readings:
            yield metric.family(samples)

    def text(self) -> bytes:
        """The Prometheus text page."""
        from prometheus_client import generate_latest

        return generate_latest(self)
